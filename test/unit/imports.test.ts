import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '../..');

/** Which rooms each room may import, beside itself (docs/design.md, "The shape"). The first that a file is in counts. */
const rooms: readonly (readonly [string, readonly string[]])[] = [
  ['cmd/main.ts', ['cmd', 'conf', 'ipam', 'netns']],
  ['cmd/entry', ['cmd', 'conf', 'ipam', 'netns']],
  ['cmd/tool', ['cmd/verbs', 'cmd/cni', 'cmd/entry/streams.ts', 'conf', 'ipam', 'netns']],
  ['cmd/log', ['cmd/verbs', 'cmd/cni', 'conf', 'ipam', 'netns']],
  ['cmd/verbs', ['cmd/cni', 'conf', 'ipam', 'netns']],
  ['cmd/cni', ['conf', 'ipam', 'netns']],
  ['netns', ['conf', 'ipam']],
  ['ipam', ['conf']],
  ['conf', []],
];

function isIn(room: string, path: string): boolean {
  return path === room || path.startsWith(`${room}/`);
}

const sources = ['cmd', 'conf', 'ipam', 'netns'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`),
);

/** The files of ours that one imports, with `import` and with `import()`. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  const found = text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g);
  return [...found].map(([, target = '']) => relative(root, join(root, dirname(path), target)));
}

for (const [room, allowed] of rooms) {
  test(`${room} imports what it may`, (t) => {
    const own = sources.filter((path) => rooms.find(([name]) => isIn(name, path))?.[0] === room);
    t.true(own.length > 0);
    for (const path of own) {
      const wrong = importsOf(path).filter((target) => ![room, ...allowed].some((one) => isIn(one, target)));
      t.deepEqual(wrong, [], path);
    }
  });
}

/** What only one module may do, and which that is. */
const once: readonly (readonly [string, RegExp, readonly string[]])[] = [
  ['starts processes', /from 'node:child_process'/, ['netns/process/exec.ts']],
  [
    'writes to the standard streams',
    /writeSync\(descriptor, rest|process\.std(?:out|err)\.write/,
    ['cmd/entry/streams.ts'],
  ],
];

for (const [what, pattern, expected] of once) {
  test(`one module ${what}`, (t) => {
    const found = sources.filter((path) => pattern.test(readFileSync(join(root, path), 'utf8')));
    t.deepEqual(found, expected);
  });
}
