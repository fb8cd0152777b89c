import { closeSync, openSync, statSync } from 'node:fs';
import { codes, Failure, reason } from '../../conf/failure.ts';

const ownNamespace = '/proc/self/ns/net';

/** Whether there is a namespace at this path. One that is no mount any more is a file like any other. */
export function isNamespace(path: string): boolean {
  try {
    return statSync(path).dev === statSync(ownNamespace).dev;
  } catch {
    return false;
  }
}

/** Whether the path is the network namespace that we run in. */
export function isOwnNamespace(path: string): boolean {
  try {
    return isNamespace(path) && statSync(path).ino === statSync(ownNamespace).ino;
  } catch {
    return false;
  }
}

/** A namespace that stays while we hold it, whatever becomes of its path. */
export interface Namespace {
  readonly path: string;
  readonly descriptor: number;
  close(): void;
}

/** @throws {Failure} code 4 when there is no namespace at the path. */
export function openNamespace(path: string): Namespace {
  if (!isNamespace(path)) {
    throw new Failure(codes.environment, `CNI_NETNS: there is no network namespace at ${path}`, {
      details: 'the container was probably stopped meanwhile',
    });
  }
  try {
    const descriptor = openSync(path, 'r');
    return { path, descriptor, close: () => closeSync(descriptor) };
  } catch (error) {
    throw new Failure(codes.environment, `CNI_NETNS: open ${path}: ${reason(error)}`, { cause: error });
  }
}
