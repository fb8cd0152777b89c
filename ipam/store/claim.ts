import { rmSync } from 'node:fs';
import { errno } from '../../conf/failure.ts';
import { readText } from '../../conf/text-file.ts';
import { makeOwnFolder, namesIn, touchFile } from './files.ts';

/**
 * The start time of a process, in clock ticks since the boot. Together with the process ID, it identifies one process
 * of this boot (proc_pid_stat(5), field 22; the command in field 2 can contain blanks and parentheses).
 *
 * @returns undefined when there is no such process.
 */
function startTime(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

let calls = 0;

/** One call of this process, unlike any other of this boot: `4711.123456.1`. */
export function newOwner(): string {
  return `${process.pid}.${startTime(process.pid)}.${++calls}`;
}

/** Whether the process of an owner runs. */
export function isAlive(owner: string): boolean {
  const [pid = '', started = ''] = owner.split('.');
  return startTime(Number(pid)) === started;
}

/** Whether an owner began after another, of this boot. */
export function isLater(owner: string, other: string): boolean {
  const began = (one: string) => one.split('.').slice(1).map(Number);
  const [[start = 0, count = 0], [otherStart = 0, otherCount = 0]] = [began(owner), began(other)];
  return start > otherStart || (start === otherStart && count > otherCount);
}

/**
 * Claims a key, unless another living process has it. If several processes try at the same time, at most one gets it. A
 * claim is a file named after key and owner. The file of a killed process is recognised as stale, so nothing waits for
 * it.
 *
 * This is safe because each process creates its file before it looks for others: of two, the later one sees the other.
 *
 * @param folder the folder of the claims; created if it does not exist.
 * @param key the object of the claim, of letters and digits.
 * @param owner of the claim (newOwner).
 * @returns a function that releases the claim; undefined if another process has the key.
 */
export function claim(folder: string, key: string, owner: string): (() => void) | undefined {
  const own = `${key}.${owner}`;
  const giveBack = () => rmSync(`${folder}/${own}`, { force: true });
  announce(folder, own);
  try {
    if (!hasRival(folder, key, own)) return giveBack;
  } catch (error) {
    giveBack();
    throw error;
  }
  giveBack();
  return undefined;
}

/** Runs `action` under a claim. @returns whether it ran: as `claim`. */
export function withClaim(folder: string, key: string, action: () => void, owner = newOwner()): boolean {
  const giveBack = claim(folder, key, owner);
  if (!giveBack) return false;
  try {
    action();
    return true;
  } finally {
    giveBack();
  }
}

/**
 * On a full or read-only disk, no process can create a claim. It cannot take an address either, so no address is
 * assigned while it is being removed. The removal frees space.
 */
function announce(folder: string, own: string): void {
  try {
    makeOwnFolder(folder);
    touchFile(`${folder}/${own}`);
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT', 'EROFS'].includes(errno(error) ?? '')) throw error;
  }
}

/** The owner's part of a claim's name. */
function ownerOf(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

function removeDead(folder: string, names: readonly string[]): number {
  const dead = names.filter((name) => !isAlive(ownerOf(name)));
  for (const name of dead) rmSync(`${folder}/${name}`, { force: true });
  return dead.length;
}

function hasRival(folder: string, key: string, own: string): boolean {
  const others = namesIn(folder).filter((name) => name !== own && name.startsWith(`${key}.`));
  return others.length > removeDead(folder, others);
}

/** Removes the claims of processes that have ended. */
export function removeDeadClaims(folder: string): void {
  removeDead(folder, namesIn(folder));
}
