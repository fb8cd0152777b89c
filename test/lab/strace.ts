import { readFile } from 'node:fs/promises';

/** What may change something outside of a process: its files, its sockets, other processes. */
export const changingCalls = [
  ...['open', 'openat', 'creat', 'truncate', 'ftruncate', 'write', 'pwrite64', 'writev'],
  ...['link', 'linkat', 'symlink', 'symlinkat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat'],
  ...['mkdir', 'mkdirat', 'rmdir', 'chmod', 'fchmod', 'fchmodat'],
  ...['clone', 'clone3', 'fork', 'vfork', 'sendto', 'sendmsg'],
];

/** One system call that changes something, and how to find it again in another run. */
export interface Point {
  /** Of the system call. */
  readonly name: string;
  /** The how-manieth of its name it is in its process, as `inject=…:when=` counts. */
  readonly when: number;
  /** Its text without what differs from run to run. */
  readonly text: string;
  /** The how-manieth with this text it is. */
  readonly ordinal: number;
}

interface Call {
  readonly name: string;
  readonly rest: string;
  readonly line: string;
}

/**
 * The calls in what `strace -y` wrote of one thread:
 *
 *     mkdir("/tmp/data/pods", 0700) = 0
 *     write(6<pipe:[131229]>, "*", 1) = 1
 *     --- SIGCHLD {si_signo=SIGCHLD, …} ---
 *     unlink("/tmp/data/pods/10.244.1.2") = ?
 *     +++ killed by SIGKILL +++
 */
function parseCalls(trace: string): Call[] {
  return trace.split('\n').flatMap((line) => {
    const [, name, rest] = /^(\w+)\((.*)$/.exec(line) ?? [];
    return name === undefined || rest === undefined ? [] : [{ name, rest, line }];
  });
}

/** A call that failed changed nothing. One that was killed has no answer: it would have. */
function isChange({ name, rest, line }: Call): boolean {
  if (/\) += -1 E/.test(line)) return false;
  if (name.startsWith('open'))
    return /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(rest) && !rest.includes('"/dev/');
  if (name.startsWith('clone')) return !rest.includes('CLONE_THREAD');
  if (name.startsWith('send') && /RTM_GET|NFT_MSG_GET|NLM_F_DUMP|NLM_F_REQUEST\|0x300/.test(rest))
    return false;
  // Threads wake each other through pipes and event descriptors, and files without names are for a command that is yet
  // to begin: those with a number above 2 are not to the outside.
  if (/write/.test(name)) return !/^(?:\d+<anon_inode:|(?:\d{2,}|[3-9])<(?:pipe:|\/dev\/shm\/#))/.test(rest);
  return true;
}

/** Names of this lab, process IDs, times, descriptors and pointers differ from run to run. */
function stable({ name, rest }: Call): string {
  // Of a killed clone strace has seen no more than the flags.
  if (name.startsWith('clone')) return `${name} ${/flags=[\w|]*/.exec(rest)?.[0]}`;
  // What is written may hold names and times of the run; where it goes does not.
  if (/write/.test(name)) return `${name}(${steady(rest.replace(/>(?:\(deleted\))?, .*$/, '>'))}`;
  const args = rest.replace(/\) += .*$/, '').replace(/"\.\.\./g, '"');
  return `${name}(${steady(args)}`;
}

function steady(text: string): string {
  return (
    text
      .replace(/^\d+</, '<')
      .replace(/dualstack-lab-\w+/g, 'LAB')
      .replace(/dst-[0-9a-f]{10}/g, 'NETNS')
      // Files of a call carry its process ID and when that began; what a node keeps, its namespace and a digest of a path.
      .replace(/([0-9a-f]{32,})\.\d+\.\d+\.\d+/g, '$1.CALL')
      .replace(/\.node\/\d+/g, '.node/NETNS')
      .replace(/NETNS\/\.\d+\./g, 'NETNS/CALL.')
      .replace(/\b[0-9a-f]{32}\b/g, 'DIGEST')
      .replace(/(\/dev\/shm\/#)\d+/g, '$1')
      .replace(/(socket|pipe|NETLINK|UNIX[A-Z-]*):\[[^\]]*\]/g, '$1')
      .replace(/0x[0-9a-f]{4,}|nlmsg_(?:seq|pid)=\d+|nl_pid=\d+|\[\d+\]/g, '#')
  );
}

/** The points of a trace, in order. */
export function pointsOf(trace: string): Point[] {
  const named = new Map<string, number>();
  const seen = new Map<string, number>();
  return parseCalls(trace).flatMap((call) => {
    const when = (named.get(call.name) ?? 0) + 1;
    named.set(call.name, when);
    if (!isChange(call)) return [];
    const text = stable(call);
    const ordinal = (seen.get(text) ?? 0) + 1;
    seen.set(text, ordinal);
    return [{ name: call.name, when, text, ordinal }];
  });
}

/** The arguments that have strace write one process's changing calls to a file, and kill it as it enters a point. */
export function straceArgs(file: string, point?: Pick<Point, 'name' | 'when'>): string[] {
  const inject = point ? ['-e', `inject=${point.name}:signal=KILL:when=${point.when}`] : [];
  return ['-y', '-s', '64', '-o', file, '-e', `trace=${changingCalls.join()}`, ...inject, '--'];
}

export async function readTrace(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}

/** Where a process was killed: its last call. @returns undefined when it was not. */
export function killedAt(trace: string): Point | undefined {
  return trace.includes('+++ killed by SIGKILL +++') ? pointsOf(trace).at(-1) : undefined;
}

export function isSame(a: Point | undefined, b: Point): boolean {
  return a?.text === b.text && a.ordinal === b.ordinal;
}
