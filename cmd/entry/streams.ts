import { readSync, writeSync } from 'node:fs';
import { codes, errno, Failure, reason } from '../../conf/failure.ts';

/** The largest input that is read, in bytes: a configuration has some thousand. */
const inputLimit = 4 * 1024 * 1024;

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** Reads into the buffer. A runtime may hand us a pipe that does not block: it is asked again then. */
function readChunk(chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(0, chunk, 0, chunk.length, null);
    } catch (error) {
      if (errno(error) === 'EOF') return 0;
      if (errno(error) !== 'EAGAIN') {
        throw new Failure(codes.io, `read the standard input: ${reason(error)}`, { cause: error });
      }
      pause();
    }
  }
}

/**
 * All of standard input, as UTF-8.
 *
 * @throws {Failure} code 5 when it cannot be read, code 6 when it is larger than any configuration.
 */
export function readStandardInput(): string {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(65536);
    const length = readChunk(chunk);
    if (length === 0) return Buffer.concat(chunks).toString('utf8');
    chunks.push(chunk.subarray(0, length));
    size += length;
    if (size > inputLimit)
      throw new Failure(codes.decoding, `the standard input is larger than ${inputLimit} bytes`);
  }
}

/**
 * Writes all of it before it returns: the process may end right after.
 *
 * @returns whether all of it was written: nobody may be there to read, or a file have no room.
 */
export function write(descriptor: 1 | 2, text: string): boolean {
  let rest = Buffer.from(text, 'utf8');
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if (errno(error) !== 'EAGAIN') return false;
      pause();
    }
  }
  return true;
}
