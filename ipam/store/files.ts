import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errno } from '../../conf/failure.ts';

/*
 * Only this module opens the files of a store. They can be anything, so it does not follow symbolic links, does not
 * wait for pipes or devices, and does not read files that are too large to be ours.
 */

export const folderMode = 0o700;
export const fileMode = 0o600;

/** The greatest size of a file of the store, in bytes: an entry of the index has some hundred. */
const sizeLimit = 1024 * 1024;

/** The mode bits that allow others than the owner to change a folder. */
const writableByOthers = 0o022;
const sticky = 0o1000;

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Opens a regular file, for as long as `action` takes. @throws when it is anything else. */
function withFile<T>(path: string, flags: number, action: (descriptor: number) => T): T {
  const descriptor = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, fileMode);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`${path} is not a regular file`);
    return action(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** @throws {Error} ENOSPC when there is room for a part of it only. */
function writeAll(path: string, descriptor: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  if (writeSync(descriptor, bytes) === bytes.length) return;
  throw Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), { code: 'ENOSPC' });
}

/** What can be read of a file; undefined for a missing one, one that is none of ours, or that the disk does not give back. */
export function contentOf(path: string): string | undefined {
  try {
    return withFile(path, O_RDONLY, (descriptor) => {
      const { size } = fstatSync(descriptor);
      if (size > sizeLimit) return undefined;
      const bytes = Buffer.allocUnsafe(size);
      return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, size, 0));
    });
  } catch {
    return undefined;
  }
}

/**
 * Creates a file. An existing file of that name, from a killed call or from somebody else, is removed and not written
 * to. A file that cannot be written completely is removed.
 */
export function createFile(path: string, text: string, tries = 10): void {
  try {
    createNew(path, text);
  } catch (error) {
    if (errno(error) !== 'EEXIST' || tries === 1) throw error;
    rmSync(path, { force: true, recursive: true });
    createFile(path, text, tries - 1);
  }
}

function createNew(path: string, text: string): void {
  withFile(path, O_WRONLY | O_CREAT | O_EXCL, (descriptor) => {
    try {
      writeAll(path, descriptor, text);
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  });
}

/** Appends to an existing file. @throws {Error} ENOENT when it is not. */
export function appendToFile(path: string, text: string): void {
  withFile(path, O_WRONLY | O_APPEND, (descriptor) => writeAll(path, descriptor, text));
}

/** Creates an empty file unless it exists. */
export function touchFile(path: string): void {
  withFile(path, O_WRONLY | O_CREAT, () => {});
}

/** Whether anything has the name, be it a link to nowhere. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Makes a folder of the store, and those above it that are missing.
 *
 * The `recursive` option of node:fs would loop forever if a parent exists but cannot be written to: below /proc, or on
 * a mount whose folder was removed.
 */
export function makeFolder(path: string): void {
  if (madeFolder(path)) return;
  makeFolder(dirname(path));
  if (madeFolder(path)) return;
  throw Object.assign(new Error(`ENOENT: no such file or directory, mkdir '${path}'`), { code: 'ENOENT' });
}

/** @returns false if the parent folder does not exist. */
function madeFolder(path: string): boolean {
  try {
    mkdirSync(path, folderMode);
  } catch (error) {
    if (errno(error) === 'ENOENT' && dirname(path) !== path && !exists(dirname(path))) return false;
    if (errno(error) !== 'EEXIST') throw error;
  }
  return true;
}

/**
 * Makes a folder whose files are ours alone, or takes one that is there: others lose the right to write into it, unless each
 * may remove there only what is his, as in /tmp.
 *
 * @param mayBeLink whether an administrator may have the folder elsewhere. Below that, a link would lead what we write and
 *   remove to where somebody else wants it.
 * @throws when the name is another's.
 */
export function makeOwnFolder(path: string, mayBeLink = false): void {
  makeFolder(path);
  const found = mayBeLink ? statSync(path) : lstatSync(path);
  if (!found.isDirectory()) {
    throw new Error(
      found.isSymbolicLink() ? `ELOOP: ${path} is a symbolic link` : `ENOTDIR: ${path} is not a folder`,
    );
  }
  if (isOpenToOthers(found.mode)) chmodSync(path, found.mode & 0o7777 & ~writableByOthers);
}

/** Whether others than its owner may put files into a folder of this mode, and remove ours. */
export function isOpenToOthers(mode: number): boolean {
  return (mode & writableByOthers) !== 0 && (mode & sticky) === 0;
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

/** Uses link(2), so that only one of several callers gets the name. @returns whether it was this one. */
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

/** Another call can be emptying the same folder; the last one removes it. */
export function removeFolderIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (errno(error) !== 'ENOTEMPTY' && errno(error) !== 'ENOENT') throw error;
  }
}
