import { rmSync } from 'node:fs';
import { errno } from '../../conf/failure.ts';
import { readText } from '../../conf/text-file.ts';
import { makeOwnFolder, namesIn, touchFile } from './files.ts';

/**
 * When a process began, in clock ticks since the boot: with the process ID it names one process of this boot
 * (proc_pid_stat(5), field 22; the command in field 2 may hold blanks and parentheses).
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
 * Claims a key, unless another living process has it. Of several that meet, at most one gets it. A file that announces us,
 * named for key and owner, is all there is: what a killed process leaves is recognised as dead, so nothing waits for it.
 *
 * Why it is safe: each announces itself before it looks. Of two, the later one to announce sees the other.
 *
 * @param folder where claims are announced; made when it is missing.
 * @param key the object of the claim, of letters and digits.
 * @param owner of the claim (newOwner).
 * @returns what gives the claim back; undefined when somebody else had the key a moment ago.
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
 * On a full disk, or one that is read-only, nobody can announce himself. Nobody can take an address there either, so that none is given again
 * while it is removed: what is removed makes room again.
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

/** Removes the claims of processes that are no more. */
export function removeDeadClaims(folder: string): void {
  removeDead(folder, namesIn(folder));
}
