/**
 * Node.js's single-executable blob, without the compiled code of Node.js's own modules.
 *
 * That code is the last thing in the start-up snapshot and more than half of it. Each call would copy it, only to find
 * that what it needs is in the snapshot's heap already: 4 ms of each call. Node.js leaves it out only together with all
 * other compiled code (SnapshotConfig), which costs three times as much as it saves.
 *
 * The layout is not documented, and may change with any release. As of 24 (src/node_sea.cc, SeaSerializer):
 *
 *     magic number   4 bytes
 *     flags          4 bytes
 *     extension      1 byte, where execArgv may be extended from
 *     path           a text
 *     snapshot       a text, and in it, last, the list of compiled code: pairs of a module's name and its code
 *     options        a list
 *
 * where a text or a list begins with its length, in 64 bits, little endian.
 */

const lengthSize = 8;
const headerSize = 4 + 4 + 1;

/** The most bytes of a module's name that are looked at. */
const longestName = 100;

/** Some 300 modules are in Node.js 24. */
const mostModules = 1000;

/** The length at the offset. @returns NaN when there is none: no part is 4 GB long. */
function lengthAt(bytes: Buffer, offset: number): number {
  const isLength = offset + lengthSize <= bytes.length && bytes.readUInt32LE(offset + 4) === 0;
  return isLength ? bytes.readUInt32LE(offset) : Number.NaN;
}

function encodeLength(length: number): Buffer {
  const prefix = Buffer.alloc(lengthSize);
  prefix.writeUInt32LE(length);
  return prefix;
}

/** Where a list of compiled code ends that begins at the offset. @returns NaN when none begins there. */
function endOfCode(snapshot: Buffer, offset: number): number {
  const count = lengthAt(snapshot, offset);
  if (!(count > 0 && count < mostModules)) return Number.NaN;
  let end = offset + lengthSize;
  for (let entry = 0; entry < count; entry++) {
    const start = end + lengthSize;
    const name = snapshot.subarray(start, start + Math.min(lengthAt(snapshot, end), longestName));
    if (!/^[a-z0-9_/-]+$/i.test(name.toString('latin1'))) return Number.NaN;
    end = start + name.length;
    end += lengthSize + lengthAt(snapshot, end);
  }
  return end;
}

/** Where the list of compiled code begins with which a snapshot ends. */
function startOfCode(snapshot: Buffer): number | undefined {
  for (let offset = 0; offset + lengthSize <= snapshot.length; offset++) {
    if (endOfCode(snapshot, offset) === snapshot.length) return offset;
  }
  return undefined;
}

/**
 * Takes the compiled code out of a blob that Node.js wrote.
 *
 * @returns the blob as it came when its layout is another one: each call takes 4 ms more then.
 */
export function withoutCodeCache(blob: Buffer, warn: (sentence: string) => void): Buffer {
  const start = headerSize + lengthSize + lengthAt(blob, headerSize);
  const end = start + lengthSize + lengthAt(blob, start);
  const snapshot = blob.subarray(start + lengthSize, end);
  const kept = end <= blob.length ? startOfCode(snapshot) : undefined;
  if (kept === undefined) {
    warn('the blob has a layout that is not known here: each call copies the code of Node.js too, for 4 ms');
    return blob;
  }
  const noCode = encodeLength(0);
  return Buffer.concat([
    blob.subarray(0, start),
    ...[encodeLength(kept + noCode.length), snapshot.subarray(0, kept), noCode],
    blob.subarray(end),
  ]);
}
