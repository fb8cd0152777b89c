import { readFileSync } from 'node:fs';

/** What is in a file of the kernel (/proc, /sys); undefined when there is none, or it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
