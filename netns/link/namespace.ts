import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { codes, Failure, reason } from '../../conf/failure.ts';
import { readText } from '../../conf/text-file.ts';

const ownNamespace = '/proc/self/ns/net';

/** Whether there is a namespace at this path. After it is unmounted, the path is an ordinary file. */
export function isNamespace(path: string): boolean {
  try {
    return statSync(path).dev === statSync(ownNamespace).dev;
  } catch {
    return false;
  }
}

/** Which namespace a path leads to, unlike any other that lives: `4:4026532281`; undefined when there is none. */
export function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Whether a process is in a namespace, or has it open. */
function isHeldBy(process: string, identity: string): boolean {
  if (identityOf(`/proc/${process}/ns/net`) === identity) return true;
  const open = `/proc/${process}/fd`;
  return namesIn(open).some((descriptor) => identityOf(`${open}/${descriptor}`) === identity);
}

/**
 * Whether anything holds a network namespace: a process that is in it or has it open, or a mount, in whatever mount
 * namespace (proc_pid_mountinfo(5): `… net:[4026532281] /run/netns/a …`). Looks at all processes of the host, so it is for
 * when there is no address left.
 *
 * @param identity as identityOf.
 */
export function isHeld(identity: string): boolean {
  const inode = identity.replace(/.*:/, '');
  const looked = new Set<string | undefined>();
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((process) => {
      if (isHeldBy(process, identity)) return true;
      const mounts = identityOf(`/proc/${process}/ns/mnt`);
      const text = looked.has(mounts) ? undefined : readText(`/proc/${process}/mountinfo`);
      if (text === undefined) return false;
      looked.add(mounts);
      return text.includes(` net:[${inode}] `);
    });
}

/** Whether the path is the network namespace that we run in. */
export function isOwnNamespace(path: string): boolean {
  try {
    return isNamespace(path) && statSync(path).ino === statSync(ownNamespace).ino;
  } catch {
    return false;
  }
}

/** A namespace that exists while we hold it open, even if its path disappears. */
export interface Namespace {
  readonly path: string;
  readonly descriptor: number;
  close(): void;
}

/** @throws {Failure} code 4 when there is no namespace at the path. */
export function openNamespace(path: string): Namespace {
  if (!isNamespace(path)) {
    throw new Failure(codes.environment, `CNI_NETNS: there is no network namespace at ${path}`, {
      details: 'the container was probably stopped in the meantime',
    });
  }
  try {
    const descriptor = openSync(path, 'r');
    return { path, descriptor, close: () => closeSync(descriptor) };
  } catch (error) {
    throw new Failure(codes.environment, `CNI_NETNS: open ${path}: ${reason(error)}`, { cause: error });
  }
}

/**
 * The kind of an open namespace, `net`. Its link tells (namespaces(7)); that of one which is mounted is its path, and the
 * mount tells (proc_pid_mountinfo(5), the root):
 *
 *     412 25 0:4 uts:[4026532281] /run/netns/x rw shared:9 - nsfs nsfs rw
 */
function kindOf(descriptor: number): string | undefined {
  const link = readlinkSync(`/proc/self/fd/${descriptor}`);
  const [, mount] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? [];
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const root = mounts.find((line) => line.startsWith(`${mount} `))?.split(' ')[3] ?? '';
  return [link, root].map((text) => /^(\w+):\[\d+\]$/.exec(text)?.[1]).find(Boolean);
}

/** What a failure in a namespace is when that is no network namespace. Asked then alone: there are many mounts. */
export function blamed({ path, descriptor }: Namespace, error: unknown): unknown {
  if (!(error instanceof Failure) || !/Invalid argument/.test(error.message + error.details)) return error;
  const kind = kindOf(descriptor);
  if (!kind || kind === 'net') return error;
  return new Failure(codes.environment, `CNI_NETNS: ${path} is a namespace of type ${kind}, not net`, {
    cause: error,
  });
}
