import { copyFile, readdir, readFile, readlink, realpath, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { debianPlugins, released } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { tool } from '../lab/tool.ts';

const debianLoopback = join(debianPlugins, 'loopback');

/** How the executable answers a runtime from where it was put. */
function version(path: string) {
  return execa(path, [], { env: { CNI_COMMAND: 'VERSION' }, input: '' });
}

test.serial(
  'install puts the executable, and on demand its second name, where the runtime looks',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const folder = join(lab.folder, 'opt/cni/bin');
    const { status, stdout } = await tool(node, ['install', '--bin-dir', folder, '--ipam']);
    t.is(status, 0);
    const names = ['dualstack', 'dualstack-ipam', 'loopback'];
    t.is(stdout, names.map((name) => `installed ${folder}/${name}`).join('\n'));
    t.deepEqual(await readdir(folder), ['dualstack', 'dualstack-ipam', 'dualstack-main', 'loopback']);
    for (const name of ['dualstack', 'dualstack-main']) {
      t.is((await stat(join(folder, name))).mode & 0o777, 0o755);
    }
    t.is(await readlink(join(folder, 'dualstack-ipam')), 'dualstack');
    t.regex((await version(join(folder, 'dualstack'))).stdout, /"supportedVersions"/);
  },
);

test.serial(
  'install replaces one that is running: that one goes on, the next call is the new one',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const path = join(lab.folder, 'dualstack');
    await tool(node, ['install', '--bin-dir', lab.folder]);
    const running = execa(path, [], { env: { CNI_COMMAND: 'VERSION' }, stdin: 'pipe' });
    const before = (await stat(path)).ino;
    t.is((await tool(node, ['install', '--bin-dir', lab.folder])).status, 0);
    t.not((await stat(path)).ino, before);
    running.stdin.end();
    t.regex((await running).stdout, /"supportedVersions"/);
    for (const file of released) {
      t.true((await readFile(join(lab.folder, basename(file)))).equals(await readFile(file)), file);
    }
  },
);

test.serial('install from where it is installed changes nothing', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const path = join(lab.folder, 'dualstack');
  await tool(node, ['install', '--bin-dir', lab.folder]);
  const before = (await stat(path)).ino;
  t.is(await node.run(path, 'install', '--bin-dir', lab.folder), `${path} is this executable itself`);
  t.is((await stat(path)).ino, before);
});

test.serial('install into what is no folder says so', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeFile(join(lab.folder, 'file'), '');
  const { status, stderr } = await tool(node, ['install', '--bin-dir', join(lab.folder, 'file')]);
  t.is(status, 1);
  t.regex(stderr, /ENOTDIR/);
});

interface Loopback {
  readonly what: string;
  readonly plant: (path: string) => Promise<unknown>;
  readonly isReplaced: boolean;
}

const loopbacks: Loopback[] = [
  { what: "another's that works", plant: (path) => copyFile(debianLoopback, path), isReplaced: false },
  { what: "a link to another's", plant: (path) => symlink(debianLoopback, path), isReplaced: false },
  { what: 'a file without content', plant: (path) => writeFile(path, '', { mode: 0o755 }), isReplaced: true },
  { what: 'a link that leads nowhere', plant: (path) => symlink('gone', path), isReplaced: true },
  {
    what: 'a file that is no program',
    plant: (path) => writeFile(path, 'hello', { mode: 0o755 }),
    isReplaced: true,
  },
];

for (const { what, plant, isReplaced } of loopbacks) {
  test.serial(`install ${isReplaced ? 'replaces' : 'leaves'} a loopback that is ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const path = join(lab.folder, 'loopback');
    await plant(path);
    await tool(node, ['install', '--bin-dir', lab.folder]);
    t.is(await realpath(path), await realpath(isReplaced ? join(lab.folder, 'dualstack') : path));
    t.regex((await version(path)).stdout, /"supportedVersions"/);
  });
}
