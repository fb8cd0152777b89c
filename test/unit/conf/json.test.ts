import test from 'ava';
import { parseJson } from '../../../conf/json.ts';

const mark = 'it begins with a byte order mark, which is invisible: save it as UTF-8 without one';

for (const [text, message] of [
  ['\ufeff{}', mark],
  ['\ufeff', mark],
  ['\ufeffnonsense', mark],
  [Buffer.from('\ufeff{}', 'utf16le').toString('utf8'), 'it is not UTF-8: save it so'],
  ['{\n "a":\u00a01}', 'line 2 holds U+00A0, which is invisible and not white space in JSON'],
  ['{\u200b}', 'line 1 holds U+200B, which is invisible and not white space in JSON'],
  ['{"a": "\u00a0",\n\n\u3000}', 'line 3 holds U+3000, which is invisible and not white space in JSON'],
  [
    Buffer.from('{}', 'utf16le').toString('utf8'),
    'line 1 holds U+0000, which is invisible and not white space in JSON',
  ],
] as const) {
  test(`what nobody sees is named: ${JSON.stringify(text)}`, (t) => {
    t.is(t.throws(() => parseJson(text)).message, message);
  });
}

test('what is between quotes is no fault, and other faults have the words of the parser', (t) => {
  t.deepEqual(parseJson('{"a": "\u00a0\u200b\ufeff"}'), { a: '\u00a0\u200b\ufeff' });
  t.notRegex(t.throws(() => parseJson('{"a": "\u00a0",}')).message, /invisible/);
});
