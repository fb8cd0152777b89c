import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemPath } from './namespaces.ts';

const cache = join(import.meta.dirname, '../../dist/roots');

/** The machine's release, as its archive names it (os-release(5)). */
async function suite(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8');
  const [, name] = /^VERSION_CODENAME="?([a-z0-9.-]+)"?$/m.exec(text) ?? [];
  if (name) return name;
  throw new Error('/etc/os-release has no VERSION_CODENAME: is this Debian or Ubuntu?');
}

/**
 * Where the machine itself gets its packages from. One line for each of its sources, whether they were read or not:
 *
 *     http://archive.example/debian/ bookworm bookworm main
 */
async function mirrorOf(name: string): Promise<string> {
  const format = '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)';
  const { stdout } = await execa('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const sources = stdout.split('\n').map((line) => line.split(' '));
  const [mirror = ''] =
    sources.find(
      ([uri = '', release, ...rest]) =>
        /^(https?|file):/.test(uri) && [release, rest[0]].includes(name) && rest.at(-1) === 'main',
    ) ?? [];
  if (mirror) return mirror;
  throw new Error(`apt has no source for ${name} main: see sources.list(5)`);
}

/**
 * The root of a minimal host of the machine's own distribution, with some packages: what `debootstrap
 * --variant=minbase` makes. It is made once, and kept under dist/ for each release and list of packages.
 *
 * @returns its path, which is for reading alone: mount something over it.
 */
export async function minimalRoot(packages: readonly string[]): Promise<string> {
  const name = await suite();
  const key = [name, ...packages].join('+');
  await mkdir(cache, { recursive: true });
  if (!(await readdir(cache)).includes(key)) await build(name, packages, join(cache, key));
  return join(cache, key);
}

async function build(name: string, packages: readonly string[], target: string): Promise<void> {
  const work = await mkdtemp(join(cache, '.'));
  try {
    const options = ['--variant=minbase', `--include=${packages.join(',')}`, '--components=main'];
    const env = { PATH: systemPath };
    await execa('debootstrap', [...options, name, join(work, 'root'), await mirrorOf(name)], { env });
    await rename(join(work, 'root'), target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
