import { reason } from './failure.ts';

/** Which an editor writes and does not show (RFC 8259, section 8.1, forbids it). */
const byteOrderMark = '\ufeff';

/** White space that JSON has not, and characters that nobody sees; what is between quotes is not looked for. */
const invisible = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\p{Cf}\0]/u;

function unicodeName(character: string): string {
  const digits = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${digits.padStart(4, '0')}`;
}

/** What a person cannot see in a text that is no JSON, where that may be why. */
function invisibleIn(text: string): string | undefined {
  if (text.startsWith(byteOrderMark))
    return 'it begins with a byte order mark, which is invisible: save it as UTF-8 without one';
  if (/^\ufffd\ufffd/.test(text)) return 'it is not UTF-8: save it so';
  const outside = text.replaceAll(/"(?:[^"\\\n]|\\.)*"/g, (quoted) => ' '.repeat(quoted.length));
  const found = invisible.exec(outside);
  if (!found) return undefined;
  const line = outside.slice(0, found.index).split('\n').length;
  return `line ${line} holds ${unicodeName(found[0])}, which is invisible and not white space in JSON`;
}

/** @throws {Error} saying what is wrong with the text, also when that is invisible. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(invisibleIn(text) ?? reason(cause), { cause });
  }
}
