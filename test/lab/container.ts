import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Machine } from './machine.ts';
import { systemPath } from './namespaces.ts';

/** A container to run in: Docker's default, but for what is named here. */
export interface ContainerOptions {
  /** The root of its files, which stays as it is. */
  readonly root: string;
  /** By name, `CAP_NET_ADMIN`: all that it has. */
  readonly capabilities: readonly string[];
  /** Folders of the machine that it sees at the same path, for reading. */
  readonly folders: readonly string[];
  readonly cwd: string;
}

const tmpfs = (destination: string, ...options: string[]) => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', ...options],
});

/** What `docker run` mounts; /proc and /sys without read-only or masked parts (`systempaths=unconfined`). */
const usualMounts = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  tmpfs('/dev', 'mode=755', 'size=65536k'),
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
  tmpfs('/dev/shm', 'noexec', 'nodev', 'mode=1777'),
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'ro'] },
];

/** An OCI runtime's configuration (runtime-spec 1.0.2, config.md). */
function specification(options: ContainerOptions, rootfs: string, command: readonly string[]): object {
  const { capabilities, folders, cwd } = options;
  const binds = folders.map((path) => ({
    destination: path,
    type: 'bind',
    source: path,
    options: ['rbind', 'ro'],
  }));
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: command,
      env: [`PATH=${systemPath}`, 'HOME=/root'],
      cwd,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: rootfs },
    hostname: 'container',
    mounts: [...usualMounts, ...binds],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
    },
  };
}

/** Lays a layer that can be written, and is forgotten, over a root that is not to change. */
async function layOver(machine: Machine, root: string, bundle: string): Promise<string> {
  const [lower, upper, work] = [join(bundle, 'rootfs'), join(bundle, 'upper'), join(bundle, 'work')];
  await machine.run('mkdir', ['-p', lower, upper, work]);
  const layers = `lowerdir=${root},upperdir=${upper},workdir=${work}`;
  await machine.run('mount', ['-t', 'overlay', '-o', layers, 'overlay', lower]);
  return lower;
}

/** Runs a command to its end in a container on a machine of its own. @returns all that it wrote, and its status. */
export async function runInContainer(
  machine: Machine,
  options: ContainerOptions,
  command: readonly string[],
) {
  const bundle = '/run/container';
  const rootfs = await layOver(machine, options.root, bundle);
  const specified = JSON.stringify(specification(options, rootfs, command));
  await writeFile(join(machine.outside(bundle), 'config.json'), specified);
  const [enter = '', ...target] = machine.entry;
  const run = [...target, 'runc', 'run', '--bundle', bundle, 'tests'];
  return execa(enter, run, { all: true, reject: false });
}
