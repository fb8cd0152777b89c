import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { codes, errno, Failure, reason } from '../../../conf/failure.ts';

/** @throws {Failure} code 5 that says what was done to which path, and what the system answered. */
export function guarded<T>(operation: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof Failure) throw error;
    const isForbidden = ['EACCES', 'EPERM', 'EROFS'].includes(errno(error) ?? '');
    throw new Failure(codes.io, `${operation}: ${reason(error)}`, {
      details: isForbidden ? 'run it as root, on a folder that can be written' : '',
      cause: error,
    });
  }
}

/** The folder is there already when somebody made it: its mode stays. */
function prepareFolder(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
}

/** Nobody takes it for a configuration or a plugin: it begins with a dot, and ends with none of their extensions. */
function scratchOf(path: string): string {
  return `${dirname(path)}/.${basename(path)}.${process.pid}.new`;
}

/**
 * Puts a file in the place of another, or of none: whoever looks sees the one or the other whole, and who has the
 * old one open keeps it.
 *
 * @param fill writes the content to a descriptor.
 * @throws {Failure} code 5; then the old file is as it was.
 */
export function replaceFile(path: string, mode: number, fill: (descriptor: number) => void): void {
  guarded(`write ${path}`, () => {
    prepareFolder(path);
    const scratch = scratchOf(path);
    rmSync(scratch, { force: true });
    try {
      const descriptor = openSync(scratch, 'wx', mode);
      try {
        fill(descriptor);
        fchmodSync(descriptor, mode);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(scratch, path);
    } catch (error) {
      rmSync(scratch, { force: true });
      throw error;
    }
  });
}

export function replaceText(path: string, text: string): void {
  replaceFile(path, 0o644, (descriptor) => writeFileSync(descriptor, text));
}

/**
 * Keeps a file under a second name, which no runtime takes for a configuration: one, of what was there last.
 *
 * @returns that name.
 * @throws {Failure} code 5.
 */
export function keepBackup(path: string): string {
  const backup = `${path}.bak`;
  const scratch = scratchOf(backup);
  guarded(`keep a backup of ${path}`, () => {
    rmSync(scratch, { force: true });
    linkSync(path, scratch);
    renameSync(scratch, backup);
    // When both were the same file already, the name stays (rename(2)).
    rmSync(scratch, { force: true });
  });
  return backup;
}
