import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { machineRelease, mirrorOf } from './archive.ts';
import { systemPath } from './namespaces.ts';

const cache = join(import.meta.dirname, '../../dist/roots');

/**
 * The root of a minimal host of the machine's own distribution, with some packages: what `debootstrap
 * --variant=minbase` makes. It is made once, and kept under dist/ for each release and list of packages.
 *
 * @returns its path, which is for reading alone: mount something over it.
 */
export async function minimalRoot(packages: readonly string[]): Promise<string> {
  const { suite: name } = await machineRelease();
  const digest = createHash('sha256').update(packages.join()).digest('hex').slice(0, 12);
  const key = `${name}-${digest}`;
  await mkdir(cache, { recursive: true });
  if (!(await readdir(cache)).includes(key)) await build(name, packages, join(cache, key));
  return join(cache, key);
}

async function build(name: string, packages: readonly string[], target: string): Promise<void> {
  const work = await mkdtemp(join(cache, '.new-'));
  try {
    const options = ['--variant=minbase', `--include=${packages.join(',')}`, '--components=main'];
    const env = { PATH: systemPath };
    await execa('debootstrap', [...options, name, join(work, 'root'), await mirrorOf(name)], { env });
    await rename(join(work, 'root'), target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
