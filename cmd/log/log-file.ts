import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { withClaim } from '../../ipam/store/claim.ts';
import { fileMode, removeFolderIfEmpty } from '../../ipam/store/files.ts';

/** From this size on, in bytes, a log makes room for a new one; one old one is kept. */
export const defaultLimit = 8 * 1024 * 1024;

const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** No link is followed, and no reader of a pipe waited for: what is written to is a file. */
const flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;

/**
 * Whether the last line was cut short, as when the disk was full. A line that another is just writing ends at first
 * where a page of the file does. An empty write takes its turn behind that write, as Linux has one writer of a file at
 * a time; what is then still the end was left so.
 */
function isTorn(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  if (size === 0 || readSync(descriptor, last, 0, 1, size - 1) !== 1 || last.toString() === '\n')
    return false;
  writeSync(descriptor, Buffer.alloc(0));
  return fstatSync(descriptor).size === size;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Of several calls that find the log too large one renames it; who has it open goes on in the old one. When it does
 * not work, as when another has just removed the folder of claims, the next call does it.
 */
function rotate(path: string, limit: number): void {
  const claims = `${dirname(path)}/.${basename(path)}.claims`;
  try {
    withClaim(claims, 'rotate', () => {
      if (sizeOf(path) >= limit) renameSync(path, `${path}.1`);
    });
    removeFolderIfEmpty(claims);
  } catch {
    // A line in a log that is too large is worth more than none.
  }
}

/**
 * Adds a line to a file in a single write(2) with O_APPEND, so that lines of calls at the same time never mix.
 *
 * @param limit in bytes: the size from which on the file becomes `<path>.1`.
 * @throws when the system does not let us, or when it is no file.
 */
export function appendLine(path: string, line: string, limit = defaultLimit): void {
  if (sizeOf(path) >= limit) rotate(path, limit);
  const descriptor = openSync(path, flags, fileMode);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`${path} is not a file`);
    const whole = Buffer.from(`${isTorn(descriptor) ? '\n' : ''}${line}\n`);
    writeSync(descriptor, whole);
  } finally {
    closeSync(descriptor);
  }
}
