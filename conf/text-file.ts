import { readFileSync } from 'node:fs';

/** The content of a file of the kernel (/proc, /sys); undefined if it does not exist or cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The number that such a file holds; undefined as `readText`, and when it is empty. */
export function readNumber(path: string): number | undefined {
  const text = readText(path)?.trim();
  return text ? Number(text) : undefined;
}

/** The fields of each line of such a file; of lines with one field, nothing. */
export function readRows(path: string): string[][] {
  const lines = (readText(path) ?? '').split('\n');
  return lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields.length > 1);
}
