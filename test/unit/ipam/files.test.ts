import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import test from 'ava';
import { execa, execaSync } from 'execa';
import { codes, Failure } from '../../../conf/failure.ts';
import { digestOf } from '../../../ipam/attachment.ts';
import { contentOf, makeFolder } from '../../../ipam/store/files.ts';
import { openDisk, release, temporaryFolder } from '../../lab/stores.ts';

const a = { containerID: 'a', ifname: 'eth0' };
const entry = `.dualstack/pods/boot-1/${digestOf(a)}`;

/** What somebody may put where a file of the store belongs. `outside` is a file that must stay as it is. */
const foreign = {
  'a pipe': (path: string) => execaSync('mkfifo', [path]),
  'a link to a file outside': (path: string, outside: string) => symlinkSync(outside, path),
  'a link to nowhere': (path: string, outside: string) => symlinkSync(`${outside}.new`, path),
  'a link to /dev/zero': (path: string) => symlinkSync('/dev/zero', path),
  'a folder': (path: string) => mkdirSync(path),
  'a file of 5 GiB': (path: string) => {
    writeFileSync(path, '');
    truncateSync(path, 5 * 1024 ** 3);
  },
};

const places = [
  'pods/10.0.0.2',
  'pods/last_reserved_ip.0',
  entry,
  `${entry}.new`,
  '.dualstack/pods/boot-1/damaged',
  '.dualstack/pods/boot-0/entry',
  '.dualstack/pods/adopted',
];

/** Every way into the store. What it says is the other tests' matter: here it must end, and leave the outside alone. */
async function callEach(dataDir: string): Promise<void> {
  const store = openDisk(dataDir);
  const steps = [
    () => store.probe(),
    () => store.begin(a, { netns: '/run/netns/a' }),
    () => store.reserve(a, '10.0.0.2'),
    () => store.remember(a, 0, '10.0.0.2'),
    () => store.record(a, '{}'),
    () => store.lastGiven(0),
    () => store.list(),
    () => store.known(),
    () => store.takenAt('10.0.0.2'),
    () => store.end(a),
    () => release(store, a),
    () => store.giveBack(a, '10.0.0.2'),
    () => store.forget(a),
    () => store.dead(),
    () => store.tidy(),
  ];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }
}

for (const [what, put] of Object.entries(foreign)) {
  for (const place of places) {
    test(`${what} in the store lets every call end, and reaches nothing outside: ${place}`, async (t) => {
      const folder = temporaryFolder(t);
      const [dataDir, outside] = [`${folder}/data`, `${folder}/outside`];
      writeFileSync(outside, 'not ours');
      mkdirSync(dirname(`${dataDir}/${place}`), { recursive: true });
      put(`${dataDir}/${place}`, outside);
      await callEach(dataDir);
      t.is(readFileSync(outside, 'utf8'), 'not ours');
      t.deepEqual(readdirSync(folder).sort(), ['data', 'outside']);
    });
  }
}

for (const place of [
  'pods',
  '.dualstack',
  '.dualstack/pods',
  '.dualstack/pods/boot-1',
  '.dualstack/pods/claims',
]) {
  test(`a folder of the store that is a link is refused, and named: ${place}`, async (t) => {
    const folder = temporaryFolder(t);
    const [dataDir, outside] = [`${folder}/data`, `${folder}/outside`];
    mkdirSync(outside);
    mkdirSync(dirname(`${dataDir}/${place}`), { recursive: true });
    symlinkSync(outside, `${dataDir}/${place}`);
    const error = await t.throwsAsync(openDisk(dataDir).begin(a, { netns: '' }), { instanceOf: Failure });
    t.is(error.code, codes.io);
    t.true(error.message.endsWith(`${dataDir}/${place} is a symbolic link`), error.message);
    t.deepEqual(readdirSync(outside), []);
  });

  test(`others lose the right to write into a folder of the store: ${place}`, async (t) => {
    const dataDir = temporaryFolder(t);
    await openDisk(dataDir).begin(a, { netns: '' });
    for (const path of [dataDir, `${dataDir}/${place}`]) {
      chmodSync(path, 0o777);
      await openDisk(dataDir).begin({ containerID: `after-${path.length}`, ifname: 'eth0' }, { netns: '' });
      t.is(statSync(path).mode & 0o777, 0o755, path);
    }
  });
}

test('a dataDir may be a link, and one that anybody may use stays so', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(`${folder}/elsewhere`);
  chmodSync(`${folder}/elsewhere`, 0o1777);
  symlinkSync('elsewhere', `${folder}/data`);
  await openDisk(`${folder}/data`).begin(a, { netns: '' });
  t.true(existsSync(`${folder}/elsewhere/pods`));
  t.is(statSync(`${folder}/elsewhere`).mode & 0o7777, 0o1777);
});

test('a dataDir below a folder that takes none is an error at once', async (t) => {
  for (const dataDir of ['/proc/dualstack/data', '/proc/self/fdinfo/data', '/sys/data', '/dev/null/data']) {
    const error = await t.throwsAsync(openDisk(dataDir).begin(a, { netns: '' }), { instanceOf: Failure });
    t.is(error.code, codes.io, dataDir);
  }
});

test('a folder that was removed while a process is in it takes no folder, and is an error at once', async (t) => {
  const gone = `${temporaryFolder(t)}/gone`;
  mkdirSync(gone);
  const process = execa('sleep', ['60'], { cwd: gone, reject: false });
  rmSync(gone, { recursive: true });
  t.throws(() => makeFolder(`/proc/${process.pid}/cwd/data`), { code: 'ENOENT' });
  process.kill();
  await process;
});

test('what is read of a file is bounded', (t) => {
  const path = `${temporaryFolder(t)}/file`;
  writeFileSync(path, 'x'.repeat(1024 * 1024));
  t.is(contentOf(path)?.length, 1024 * 1024);
  writeFileSync(path, 'x'.repeat(1024 * 1024 + 1));
  t.is(contentOf(path), undefined);
});
