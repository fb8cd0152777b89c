/**
 * What acts on a terminal, or hides what stands beside it: control and format characters (C1, bidirectional overrides, zero
 * width), lone surrogates, private and unassigned ones, and separators of lines.
 */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** What comes from files, requests and other processes, for a line of a terminal or of a log. */
export function printable(text: string): string {
  return text.replace(unprintable, '?');
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** A value as JSON that any terminal can show: the characters above are escapes, which mean the same. */
export function jsonText(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, undefined, indent);
  return text.replace(unprintable, (character) => (character === '\n' ? character : escaped(character)));
}
