import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { codes } from '../../../conf/failure.ts';
import { messagesOfSources } from './messages.ts';

const text = readFileSync(join(import.meta.dirname, '../../../docs/troubleshooting.md'), 'utf8');

interface Row {
  /** Undefined below "Other codes". */
  readonly code: number | undefined;
  readonly message: string;
  readonly advice: string;
}

/** The tables below a heading of a code, `### 102: wiring`. */
function rowsOf(section: string): Row[] {
  const code = /^(\d+):/.exec(section)?.[1];
  const rows = section.matchAll(/^\| `(.*)` +\| .+ \| (.+?) *\|$/gm);
  return [...rows].map(([, message = '', advice = '']) => ({
    code: code === undefined ? undefined : Number(code),
    message,
    advice,
  }));
}

const rows = text.split('\n### ').slice(1).flatMap(rowsOf);
const known = messagesOfSources();

function label({ code, text }: { code: number | undefined; text: string }): string {
  return `${code ?? 'other'} ${text}`;
}

test('every error of the sources has a row, and every row is an error of the sources', (t) => {
  const ofSources = new Set(known.map(label));
  const ofDocument = new Set(rows.map(({ code, message }) => label({ code, text: message })));
  const without = (some: Set<string>, others: Set<string>) => [...some].filter((one) => !others.has(one));
  t.deepEqual(without(ofSources, ofDocument), [], 'these have no row');
  t.deepEqual(without(ofDocument, ofSources), [], 'these rows are no errors any more');
});

test('no row is there twice, and each says what to do', (t) => {
  const messages = rows.map(({ code, message }) => label({ code, text: message }));
  t.deepEqual(messages, [...new Set(messages)]);
  for (const { advice } of rows) t.regex(advice, /\w.*\.$/);
});

test('every code that is used has a heading', (t) => {
  const used = new Set(known.flatMap(({ code }) => code ?? []));
  const headings = new Set(rows.flatMap(({ code }) => code ?? []));
  t.deepEqual(
    [...headings],
    [...used].sort((a, b) => a - b),
  );
  t.true([...used].every((code) => Object.values<number>(codes).includes(code)));
});

test('errors are found where they are known to be', (t) => {
  const labels = known.map(label);
  t.true(labels.includes('7 an MTU of … bytes is too small for IPv6, which needs …'));
  t.true(labels.includes('50 not ready: missing commands: …'));
  t.true(labels.includes('2 CNI 0.2.0 and older have room for one IPv… address, but there are …'));
});
