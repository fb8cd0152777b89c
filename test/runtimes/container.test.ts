import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { runInContainer } from '../lab/container.ts';
import { startMachine } from '../lab/machine.ts';
import { minimalRoot } from '../lab/root.ts';

const checkout = join(import.meta.dirname, '../..');

/** Docker's own, which are also those that a container of `ctr run` gets: nobody can give what he has not. */
const usual = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/** Links, addresses, routes and rules; namespaces and mounts. */
const added = ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'];

async function read(path: string): Promise<string> {
  return readFile(join(checkout, path), 'utf8');
}

/** What tools for the machine's own architecture are named for: no cross compiler is for that one. */
const ownArchitecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/** Whatever the tests need of Debian, on one root. */
async function packages(): Promise<string[]> {
  const packageOf = JSON.parse(await read('test/debian-packages.json')) as Record<string, string>;
  const needed = Object.entries(packageOf).filter(([command]) => !command.includes(ownArchitecture));
  return [...new Set(needed.map(([, name]) => name))];
}

const ava = ['node_modules/ava/entrypoints/cli.js', '--config', 'test/e2e/ava.config.mjs', '--tap'];

test('the end-to-end tests, all of them, pass in a container that has these capabilities and no others', async (t) => {
  // ava makes it after its first run, and cannot in there: the checkout is read-only.
  await mkdir(join(checkout, 'node_modules/.cache/ava'), { recursive: true });
  const root = await minimalRoot(await packages());
  const machine = await startMachine();
  t.teardown(machine.stop);
  const capabilities = [...usual, ...added];
  const options = { root, capabilities, folders: [checkout], cwd: checkout };
  const { exitCode, all } = await runInContainer(machine, options, [process.execPath, ...ava]);
  t.is(exitCode, 0, all.match(/^not ok (?:.|\n(?!ok|not ok|#))*/gm)?.join('\n') ?? all);
  t.log(`${all.match(/^ok /gm)?.length} tests in a container with ${capabilities.length} capabilities`);
  t.notRegex(all, /# (SKIP|TODO)/i);
});

test('the workflow and the README name the same capabilities', async (t) => {
  const [workflow, readme] = [await read('.github/workflows/ci.yml'), await read('README.md')];
  const inWorkflow = [...workflow.matchAll(/--cap-add (\w+)/g)].map(([, name]) => `CAP_${name}`);
  t.deepEqual(inWorkflow, added);
  for (const name of [...usual, ...added]) t.true(readme.includes(`\`${name}\``), name);
});
