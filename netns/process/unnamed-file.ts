import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';

/** O_TMPFILE, for which node:fs has no word (open(2)): the file goes with the last who has it open. */
const withoutName = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR;

/** The first folder that supports such files: in memory, if possible. */
const folders = ['/dev/shm', '/run', '/tmp'];

function open([folder = '', ...others]: readonly string[]): number {
  try {
    return openSync(folder, withoutName, 0o600);
  } catch (error) {
    if (others.length === 0) throw error;
    return open(others);
  }
}

/** A file without a name: no other process can open it, and nothing is left if we are killed. */
export class UnnamedFile {
  /** Of the open file, at its beginning. */
  readonly descriptor = open(folders);

  /** @throws when there is no room for all of it. */
  constructor(content = '') {
    const bytes = Buffer.from(content, 'utf8');
    const length = writeSync(this.descriptor, bytes, 0, bytes.length, 0);
    if (length < bytes.length) throw new Error('no room for a temporary file');
  }

  /** What is in it now. */
  read(): string {
    const bytes = Buffer.allocUnsafe(fstatSync(this.descriptor).size);
    const length = readSync(this.descriptor, bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, length);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
