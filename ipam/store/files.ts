import { linkSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { errno } from '../../conf/failure.ts';

export const folderMode = 0o700;
export const fileMode = 0o600;

/** What can be read of a file; undefined for a missing one, a folder, or one that the disk does not give back. */
export function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** When a file was written, in milliseconds since the epoch; one that is gone, after all others. */
export function writtenAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
}

/** The names in a folder; none when there is no folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(error) ?? '')) return [];
    throw error;
  }
}

/** link(2): of several that try, one gets the name. @returns whether it was this one. */
export function linkUnlessThere(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    throw error;
  }
}

/** rename(2), also over a folder: where a file of ours belongs, one is foreign. */
export function replaceBy(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errno(error) !== 'EISDIR') throw error;
    rmSync(to, { recursive: true, force: true });
    renameSync(from, to);
  }
}

/** Somebody else may be emptying the same folder: who is last removes it. */
export function removeFolderIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (errno(error) !== 'ENOTEMPTY' && errno(error) !== 'ENOENT') throw error;
  }
}

export function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
