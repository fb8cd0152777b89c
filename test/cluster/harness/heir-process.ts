/**
 * `heir-process.ts`: reads from its standard input what somebody has made, a Possession as a line of JSON each. When the
 * input ends, that somebody is gone, and what is still there is removed.
 */
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { until } from '../../lab/until.ts';
import type { Possession } from './heir.ts';

type Machine = Extract<Possession, { kind: 'machine' }>;

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Removes the cgroup $2 with those below it. It is seen where the file system is mounted, which is $1, for us alone. */
const removeCgroups = `mkdir -p "$1"
mount -t cgroup2 cgroup2 "$1"
[ ! -e "$1/$2" ] || find "$1/$2" -depth -type d -exec rmdir {} +`;

/** A machine's processes end by themselves, when the pipe to the first one does. */
async function removeMachine({ pid, folder, cgroup }: Machine): Promise<void> {
  if (!(await isThere(folder))) return;
  await until(`the end of process ${pid}`, async () => {
    if (await isThere(`/proc/${pid}/ns/net`)) throw new Error('it runs');
  });
  const words = ['--mount', 'sh', '-ec', removeCgroups, 'sh', join(folder, 'cgroups'), cgroup];
  await until(`the end of cgroup ${cgroup}`, () => execa('unshare', words));
  await rm(folder, { recursive: true });
}

async function removeNamespace(name: string): Promise<void> {
  if (await isThere(`/run/netns/${name}`)) await execa('ip', ['netns', 'delete', name]);
}

const possessions: Possession[] = [];
for await (const line of createInterface({ input: process.stdin }))
  possessions.push(JSON.parse(line) as Possession);
for (const one of possessions.toReversed())
  await (one.kind === 'machine' ? removeMachine(one) : removeNamespace(one.name));
