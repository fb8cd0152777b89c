import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** A file system of its own, in memory; gone with the test: `await using`. */
export interface Disk extends AsyncDisposable {
  /** Writes files until there is room for no more. */
  fill(): Promise<void>;
}

/** @param options of tmpfs(5), that limit it: `size=256k`. */
export async function mountDisk(folder: string, options: string): Promise<Disk> {
  await mkdir(folder, { recursive: true });
  await execa('mount', ['-t', 'tmpfs', '-o', `mode=700,${options}`, 'tmpfs', folder]);
  return {
    fill: () => fill(folder),
    [Symbol.asyncDispose]: async () => void (await execa('umount', [folder])),
  };
}

async function fill(folder: string): Promise<void> {
  const isFull = (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOSPC') return true;
    throw error;
  };
  for (let index = 0; ; index++) {
    const file = join(folder, `filler-${index}`);
    if (await writeFile(file, 'x'.repeat(4096)).then(() => false, isFull)) return;
  }
}
