import { accessSync, constants } from 'node:fs';

/** Whether there is a file at the path that we may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where a command is. @param path folders with colons between them, as in PATH. */
export function findOnPath(command: string, path: string): string | undefined {
  return path
    .split(':')
    .map((folder) => `${folder}/${command}`)
    .find(isExecutable);
}

/** @param path as `findOnPath`. */
export function isOnPath(command: string, path: string): boolean {
  return findOnPath(command, path) !== undefined;
}
