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

/** @param path folders with colons between them, as in PATH. */
export function isOnPath(command: string, path: string): boolean {
  return path.split(':').some((folder) => isExecutable(`${folder}/${command}`));
}
