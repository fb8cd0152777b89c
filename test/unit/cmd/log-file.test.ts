import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { appendLine } from '../../../cmd/log/log-file.ts';

function temporary(): Disposable & { path: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'dualstack-log-'));
  return {
    folder,
    path: join(folder, 'cni.log'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

test('lines are added, to a file that root alone reads', (t) => {
  using place = temporary();
  appendLine(place.path, 'one');
  appendLine(place.path, 'two');
  t.is(readFileSync(place.path, 'utf8'), 'one\ntwo\n');
  t.is(statSync(place.path).mode & 0o777, 0o600);
});

test('a log that is large enough makes room, and leaves nothing else behind', (t) => {
  using place = temporary();
  for (const line of ['one', 'two', 'three', 'four']) appendLine(place.path, line, 8);
  t.is(readFileSync(place.path, 'utf8'), 'three\nfour\n');
  t.is(readFileSync(`${place.path}.1`, 'utf8'), 'one\ntwo\n');
  t.deepEqual(readdirSync(place.folder), ['cni.log', 'cni.log.1']);
});

test('a line that was cut short spoils no other', (t) => {
  using place = temporary();
  writeFileSync(place.path, 'one\n{"tw');
  appendLine(place.path, 'three');
  t.is(readFileSync(place.path, 'utf8'), 'one\n{"tw\nthree\n');
});

test('no link is followed, and nothing but a file is written to', (t) => {
  using place = temporary();
  symlinkSync(join(place.folder, 'elsewhere'), place.path);
  t.throws(() => appendLine(place.path, 'line'), { code: 'ELOOP' });
  t.throws(() => appendLine('/dev/null', 'line'), { message: '/dev/null is not a file' });
  t.deepEqual(readdirSync(place.folder), ['cni.log']);
});

test('processes that write and rotate at once neither mix nor lose lines', async (t) => {
  using place = temporary();
  const [writers, lines] = [4, 1000];
  const script = `import { appendLine } from ${JSON.stringify(join(import.meta.dirname, '../../../cmd/log/log-file.ts'))};
    for (let n = 0; n < ${lines}; n++) appendLine(process.argv[1], JSON.stringify({ writer: process.argv[2], n, filler: 'x'.repeat(500) }), 1_500_000);`;
  const names = Array.from({ length: writers }, (_, index) => `${index}`);
  await Promise.all(
    names.map((name) => execa(process.execPath, ['--input-type=module', '-e', script, place.path, name])),
  );
  const texts = readdirSync(place.folder).map((name) => readFileSync(join(place.folder, name), 'utf8'));
  const written = texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
  t.is(new Set(written.map(({ writer, n }) => `${writer}:${n}`)).size, writers * lines);
  t.deepEqual(readdirSync(place.folder).sort(), ['cni.log', 'cni.log.1']);
});
