import { dirname } from 'node:path';
import { readText } from '../../../../conf/text-file.ts';
import { namesIn } from '../../../../ipam/store/files.ts';
import { type Check, type Finding, ok } from './check.ts';

/** The processes that start plugins, as the kernel abbreviates their names (proc_pid_comm(5)). */
const runtimes = ['containerd', 'crio', 'dockerd'];

interface Runtime {
  readonly name: string;
  readonly pid: string;
}

function runtimesOf(names: readonly string[]): Runtime[] {
  return names
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid, name: readText(`/proc/${pid}/comm`)?.trim() ?? '' }))
    .filter(({ name }) => runtimes.includes(name));
}

/**
 * A hard limit, to which a call raises its own: infinity when there is none. Of /proc/<pid>/limits (proc_pid_limits(5)):
 *
 *     Limit                     Soft Limit           Hard Limit           Units
 *     Max open files            1024                 524288               files
 *     Max address space         unlimited            unlimited            bytes
 */
export function hardLimit(limits: string, name: string): number {
  const [, hard = ''] = new RegExp(`^${name} +\\S+ +(\\S+)`, 'm').exec(limits) ?? [];
  return /^\d+$/.test(hard) ? Number(hard) : Number.POSITIVE_INFINITY;
}

/** Where the memory of a process is limited: files of its cgroup and of those above (cgroups(7)), of both versions. */
export function memoryLimitFiles(cgroups: string): string[] {
  return cgroups.split('\n').flatMap((line) => {
    const [, controllers, path = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    const isLegacy = controllers?.split(',').includes('memory');
    if (controllers !== '' && !isLegacy) return [];
    const [root, name] = isLegacy
      ? ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes']
      : ['/sys/fs/cgroup', 'memory.max'];
    const folders: string[] = [];
    for (let folder = path; folder !== '/'; folder = dirname(folder)) folders.push(folder);
    return folders.map((folder) => `${root}${folder}/${name}`);
  });
}

function memoryLimit(pid: string): number {
  const limits = memoryLimitFiles(readText(`/proc/${pid}/cgroup`) ?? '').map((file) =>
    Number.parseInt(readText(file) ?? '', 10),
  );
  return Math.min(...limits.filter((limit) => !Number.isNaN(limit)));
}

const mebibyte = 1024 ** 2;

function inMebibytes(bytes: number): string {
  return `${Math.floor(bytes / mebibyte)} MiB`;
}

/** Something that a runtime may be short of; `least` is what calls need, with room: measured, see the README. */
interface Need {
  readonly what: string;
  readonly least: number;
  /** Of systemd.exec(5) and systemd.resource-control(5). */
  readonly setting: string;
  readonly limitOf: (pid: string) => number;
  readonly show: (limit: number) => string;
}

function limitsOf(pid: string): string {
  return readText(`/proc/${pid}/limits`) ?? '';
}

const needs: readonly Need[] = [
  {
    what: 'open files',
    least: 64,
    setting: 'LimitNOFILE',
    limitOf: (pid) => hardLimit(limitsOf(pid), 'Max open files'),
    show: String,
  },
  {
    what: 'address space',
    least: 2048 * mebibyte,
    setting: 'LimitAS',
    limitOf: (pid) => hardLimit(limitsOf(pid), 'Max address space'),
    show: inMebibytes,
  },
  {
    what: 'memory',
    least: 192 * mebibyte,
    setting: 'MemoryMax',
    limitOf: memoryLimit,
    show: inMebibytes,
  },
];

/** Its calls inherit the limits of a runtime, and are charged to its cgroup. */
function shortOf({ name, pid }: Runtime): Finding[] {
  return needs.flatMap(({ what, least, setting, limitOf, show }) => {
    const limit = limitOf(pid);
    if (limit >= least) return [];
    return [
      {
        level: 'warning',
        found: `${name} (process ${pid}) has ${show(limit)} of ${what}, and calls need ${show(least)}`,
        advice: `have ${setting}=infinity in its systemd unit (systemctl edit ${name}), and restart it`,
      },
    ];
  });
}

/** Whether calls have what they need under the runtimes that run. */
export const limits: Check = {
  name: 'limits',
  run: () => {
    const found = runtimesOf(namesIn('/proc'));
    if (found.length === 0) return [];
    const short = found.flatMap(shortOf);
    return short.length > 0
      ? short
      : [ok(`${found.map(({ name }) => name).join(', ')}: calls have what they need`)];
  },
};
