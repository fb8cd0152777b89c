import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import { until } from './until.ts';

/**
 * A node on its own: the machine's files and commands, but a network of its own, with nothing but `lo`, and its own
 * `/etc/cni`, `/opt/cni`, `/var/lib/cni`, `/run`, cgroups, process IDs and host name. `run` throws as execa does.
 */
export type Machine = {
  /** A temporary folder, at the same path inside and outside, removed at the end. */
  folder: string;
  /** The name of its cgroup, which is below the root of version 2's hierarchy. */
  cgroup: string;
  /** Where a file of the machine is found from outside. No part of `path` may be a symbolic link. */
  outside(path: string): string;
  /** The words that, before a command, have it run inside. */
  entry: readonly string[];
  /** Runs a command inside to its end, with `env` added to its environment; its standard output. */
  run(command: string, args: string[], env?: Record<string, string>): Promise<string>;
  /** Starts a command inside that lives as long as the machine, and writes to the file `log`. */
  startDaemon(command: string, args: string[], log: string): void;
  /** Ends every process inside and removes what the machine was made of. */
  stop(): Promise<void>;
};

/** CNI's folders, and the folders around them, which need not hold them: an overlay makes room. */
const cniFolders = ['/etc/cni', '/opt/cni', '/var/lib/cni'];
const parents = ['/etc', '/opt', '/var/lib'];

const keeperStreams = { stdin: 'pipe', stdout: 'pipe', buffer: false } as const;
const namespaces = ['--mount', '--pid', '--net', '--uts'];

/**
 * Its first process is a `cat` on a pipe from this one. When the pipe ends, however the test ends, it ends, and with
 * it, as the kernel has it for process 1, every process of the PID namespace, and with those the mounts and links.
 */
export async function startMachine(): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'dualstack-'));
  const keeper = execa(
    'unshare',
    [...namespaces, '--fork', '--kill-child', '--mount-proc', 'cat'],
    keeperStreams,
  );
  const pid = await firstProcess(keeper);
  const entry = ['nsenter', '--target', `${pid}`, ...namespaces, '--'];
  const [enter = '', ...target] = entry;
  const run: Machine['run'] = async (command, args, env = {}) =>
    (await execa(enter, [...target, command, ...args], { env })).stdout;
  const startDaemon: Machine['startDaemon'] = (command, args, log) => {
    const streams = { stdin: 'ignore', stdout: { file: log }, stderr: { file: log } } as const;
    // It ends with the machine, by SIGKILL: that is no news.
    execa(enter, [...target, command, ...args], streams).catch(() => {});
  };
  const outside = (path: string) => join(`/proc/${pid}/root`, path);
  const end = async (removeCgroups = async () => {}) => {
    keeper.stdin.end();
    await keeper;
    await removeCgroups();
    await rm(folder, { recursive: true });
  };
  const { cgroup, remove } = await makePrivate(run, outside).catch(async (error) => {
    await end();
    throw error;
  });
  const stop = () => end(remove);
  return { folder, cgroup, outside, entry, run, startDaemon, stop };
}

/** The PID, out here, of the keeper's process 1. That it echoes a line says that its namespaces are complete. */
async function firstProcess(keeper: ResultPromise<typeof keeperStreams>): Promise<number> {
  const echoed = new Promise<void>((resolve, reject) => {
    keeper.stdout.once('data', () => resolve());
    keeper.catch(reject);
  });
  keeper.stdin.write('ready\n');
  await echoed;
  const children = await readFile(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8');
  return Number.parseInt(children, 10);
}

/** Covers what would be the whole machine's. Returns the only part that outlives the processes, and what removes it. */
async function makePrivate(run: Machine['run'], outside: Machine['outside']) {
  await run('ip', ['link', 'set', 'lo', 'up']);
  await run('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
  await run('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  for (const [index, parent] of parents.entries()) await overlay(run, parent, `/run/overlay/${index}`);
  for (const path of cniFolders) {
    await mkdir(outside(path), { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'tmpfs', path]);
  }
  return coverCgroups(run, outside);
}

/** The upper layer is in memory: the machine's own root may be an overlay itself, which can't be one. */
async function overlay(run: Machine['run'], lower: string, layer: string): Promise<void> {
  await run('mkdir', ['-p', `${layer}/upper`, `${layer}/work`]);
  const options = `lowerdir=${lower},upperdir=${layer}/upper,workdir=${layer}/work`;
  await run('mount', ['-t', 'overlay', '-o', options, 'overlay', lower]);
}

/**
 * Runtimes get one cgroup (version 2, whatever the machine has) as if it were the root, so that theirs are all below it
 * and can be removed, since cgroups stay when their processes and mounts are gone.
 */
async function coverCgroups(run: Machine['run'], outside: Machine['outside']) {
  const cgroup = `dualstack-${randomBytes(4).toString('hex')}`;
  const own = `/run/cgroup/${cgroup}`;
  await mkdir(outside('/run/cgroup'));
  await run('mount', ['-t', 'cgroup2', 'cgroup2', '/run/cgroup']);
  await mkdir(outside(own));
  await run('mount', ['--bind', own, '/sys/fs/cgroup']);
  const parent = await open(outside('/run/cgroup'));
  const remove = async () => {
    await removeCgroup(join(`/proc/self/fd/${parent.fd}`, cgroup));
    await parent.close();
  };
  return { cgroup, remove };
}

/** The deepest first. A cgroup whose processes have just ended may be busy for a moment. */
async function removeCgroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  }
  await until(`the end of cgroup ${path}`, () => rmdir(path));
}
