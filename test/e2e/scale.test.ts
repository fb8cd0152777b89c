import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, type Invocation, succeeded } from '../lab/cni.ts';
import { mountDisk } from '../lab/disk.ts';
import { type Lab, openLab } from '../lab/namespaces.ts';
import { configuration, dataDirOf } from '../lab/pods.ts';

const count = 60_000;
const podCIDRs = ['10.200.0.0/16', 'fd00:200::/64'];

/** As many leases as a /16 nearly holds, as host-local would have left them. */
function writeLeases(lab: Lab): void {
  const network = join(dataDirOf(lab), 'pods');
  mkdirSync(network, { recursive: true });
  for (let index = 256; index < 256 + count; index++) {
    writeFileSync(join(network, `10.200.${index >> 8}.${index & 255}`), `old-${index}\r\neth0`);
  }
}

/** What a call does with the files of the store, by strace: each line is one system call. */
async function fileCalls(lab: Lab, perform: (traced: Invocation) => Promise<unknown>): Promise<string[]> {
  const trace = join(lab.folder, 'files.trace');
  await perform({ under: ['strace', '-f', '-y', '-o', trace, '-e', 'trace=%file,getdents64', '--'] });
  const lines = (await readFile(trace, 'utf8')).split('\n');
  return lines.filter((line) => line.includes(dataDirOf(lab)));
}

test.serial(`with ${count} leases no call looks at each of them`, async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  await using _disk = await mountDisk(dataDirOf(lab), 'size=2g,nr_inodes=200k');
  writeLeases(lab);
  const config = configuration(lab, { podCIDRs, cniVersion: '1.1.0' });
  const invocation = { netns: pod.path, containerID: 'newcomer' };
  // The first call of all takes the leases over, and the first ADD writes the table for all pods that there are.
  succeeded(await call(node, 'STATUS', config));
  for (const verb of ['ADD', 'DEL'] as const) succeeded(await call(node, verb, config, invocation));
  for (const verb of ['ADD', 'DEL', 'STATUS'] as const) {
    const calls = await fileCalls(lab, async (traced) =>
      succeeded(await call(node, verb, config, { ...invocation, ...traced })),
    );
    const scans = calls.filter((line) => /getdents64\(\d+<[^>]*\/data\/pods>/.test(line));
    const touched = calls.filter((line) => !line.includes('getdents64'));
    t.true(touched.length > 0 && touched.length < 100, `${verb}: ${touched.length} calls`);
    if (verb !== 'STATUS') t.deepEqual(scans, [], `${verb} counts no leases`);
  }
});

/** The programs that a call starts, by strace, its own two left out; nsenter goes on as what it was asked to start. */
async function programs(lab: Lab, perform: (traced: Invocation) => Promise<unknown>): Promise<string[]> {
  const trace = join(lab.folder, 'programs.trace');
  await perform({
    under: ['strace', '-f', '-o', trace, '-e', 'trace=execve', '-e', 'status=successful', '--'],
  });
  const started = (await readFile(trace, 'utf8')).matchAll(/execve\("[^"]*\/([^"/]+)"/g);
  return [...started].map(([, program = '']) => program).slice(2);
}

test.serial('a pod’s ADD starts ip twice, nft and tee, and its DEL ip and nft', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const config = configuration(lab, { podCIDRs });
  const added = { netns: pod.path, containerID: 'counted' };
  // The first ADD of all makes the table.
  succeeded(await call(node, 'ADD', config, { netns: (await lab.pod()).path, containerID: 'first' }));
  for (const [verb, expected] of [
    ['ADD', ['nft', 'ip', 'nsenter', 'tee', 'nsenter', 'ip']],
    ['DEL', ['ip', 'nft']],
  ] as const) {
    const started = await programs(lab, async (traced) =>
      succeeded(await call(node, verb, config, { ...added, ...traced })),
    );
    t.deepEqual([...started].sort(), [...expected].sort(), verb);
  }
});
