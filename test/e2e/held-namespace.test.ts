import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { call, executable, failed, podIPs, succeeded } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { dataDirOf } from '../lab/pods.ts';
import { leases } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

/** One address of each family. */
const pools = { podCIDRs: ['10.9.0.0/30', 'fd09::/126'], exclude: ['fd09::3'] };

interface Process {
  readonly pid: string;
  end(): Promise<void>;
}

/** Starts a program that says when it is ready, and stays until it is ended. */
async function start(program: string, args: readonly string[], descriptor?: number): Promise<Process> {
  const kept = descriptor === undefined ? [] : [descriptor];
  const process = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit', ...kept] });
  if (process.stdout) await once(process.stdout, 'data');
  return {
    pid: String(process.pid),
    end: async () => {
      const ended = once(process, 'exit');
      process.kill('SIGKILL');
      await ended;
    },
  };
}

const stay = ['sh', '-c', 'echo ready; exec sleep 600'];

/** What keeps a network namespace when the process is gone that it was made for: begun by a path to it, in a folder. */
const holders: [what: string, hold: (path: string, folder: string) => Promise<() => Promise<unknown>>][] = [
  ['another process', async (path) => (await start('nsenter', [`--net=${path}`, ...stay])).end],
  [
    'a bind mount',
    async (path, folder) => {
      await writeFile(join(folder, 'mounted'), '');
      await execa('mount', ['--bind', path, join(folder, 'mounted')]);
      return () => execa('umount', [join(folder, 'mounted')]);
    },
  ],
  [
    'a bind mount in another mount namespace',
    async (path, folder) => {
      await writeFile(join(folder, 'mounted'), '');
      const script = `mount --bind ${path} ${join(folder, 'mounted')} && ${stay[2]}`;
      return (await start('unshare', ['--mount', 'sh', '-c', script])).end;
    },
  ],
  [
    'an open descriptor',
    async (path) => {
      const descriptor = openSync(path, 'r');
      const { end } = await start(stay[0] ?? '', stay.slice(1), descriptor);
      closeSync(descriptor);
      return end;
    },
  ],
];

for (const [what, hold] of holders) {
  test.serial(
    `an address of dualstack-ipam is not given again while ${what} keeps the namespace`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const ipamPlugin = join(lab.folder, 'dualstack-ipam');
      await symlink(executable, ipamPlugin);
      const ipam = { type: 'dualstack-ipam', dataDir: dataDirOf(lab), ...pools };
      const config = { cniVersion: '1.1.0', name: 'pods', type: 'bridge', ipam };
      const add = (containerID: string, netns: string) =>
        call(node, 'ADD', config, { containerID, netns, executable: ipamPlugin });

      const pod = await start('unshare', ['--net', ...stay]);
      const path = `/proc/${pod.pid}/ns/net`;
      const given = podIPs(succeeded(await add('old', path)));
      const letGo = await hold(path, lab.folder);
      try {
        await pod.end();
        t.is(failed(await add('new', (await lab.pod()).path)).code, 100);
        t.deepEqual(await leases(dataDirOf(lab)), given);
      } finally {
        await letGo();
      }
      const newest = await lab.pod();
      await until('the end of the namespace', async () => {
        t.deepEqual(podIPs(succeeded(await add('new', newest.path))), given);
      });
      t.deepEqual(await leases(dataDirOf(lab)), given);
    },
  );
}
