import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { errno, reason } from '../../../conf/failure.ts';

/** ELF, e_ident and e_machine (elf(5)): the little-endian architectures that we are built for. */
const machines: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' };
const elfMagic = '\x7fELF';
const machineOffset = 18;

function beginning(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const head = Buffer.alloc(machineOffset + 2);
    return head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** What the kernel would say of these bytes. @param architecture the host's, in Node.js's words. */
export function formatProblem(head: Buffer, architecture: string): string | undefined {
  if (head.length === 0) return 'is empty';
  if (head.toString('latin1', 0, 2) === '#!') return undefined;
  if (head.toString('latin1', 0, 4) !== elfMagic || head.length < machineOffset + 2)
    return 'is not a program';
  const machine = head.readUInt16LE(machineOffset);
  if (machines[machine] === architecture) return undefined;
  return `is for another architecture (${machines[machine] ?? `ELF machine ${machine}`}) than the host's ${architecture}`;
}

/** Why the kernel would not start the program at a path; undefined when it would. */
export function programProblem(path: string): string | undefined {
  try {
    if (!statSync(path).isFile()) return 'is not a file';
    accessSync(path, constants.X_OK);
    return formatProblem(beginning(path), process.arch);
  } catch (error) {
    if (errno(error) === 'ENOENT') return 'is not there';
    if (errno(error) === 'EACCES') return 'is not executable';
    return `cannot be read: ${reason(error)}`;
  }
}
