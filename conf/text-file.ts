import { readFileSync } from 'node:fs';

/** The content of a file of the kernel (/proc, /sys); undefined if it does not exist or cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
