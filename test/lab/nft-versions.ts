import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { machineRelease, mirrorOf } from './archive.ts';
import { nftCache, nftFolder } from './nft-folder.ts';

interface Archive {
  /** What its releases are signed with. */
  readonly keyring: string;
  /** Releases whose nft the plugin supports, the oldest first. */
  readonly supported: readonly string[];
  /** A release whose nft is too old for it. */
  readonly tooOld: string;
}

/** By distribution: where a machine gets packages of its own release from, it gets those of others, too. */
const archives: Readonly<Record<string, Archive>> = {
  debian: {
    keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
    supported: ['bookworm', 'trixie', 'sid'],
    tooOld: 'bullseye',
  },
  ubuntu: {
    keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
    supported: ['jammy', 'noble', 'resolute'],
    tooOld: 'focal',
  },
};

async function machineArchive(): Promise<Archive & { readonly mirror: string }> {
  const { distribution, suite } = await machineRelease();
  const archive = archives[distribution];
  if (!archive) throw new Error(`no releases of ${distribution} are known: is this Debian or Ubuntu?`);
  return { ...archive, mirror: await mirrorOf(suite) };
}

/**
 * Brings the nft of several releases onto the machine, each with the libraries and the C library of its release, so that
 * any runs on any machine. The machine's own packages stay as they are.
 *
 * @returns the releases. `nftFolder` has their programs.
 */
export async function bringNftVersions(): Promise<Pick<Archive, 'supported' | 'tooOld'>> {
  const { supported, tooOld, keyring, mirror } = await machineArchive();
  await mkdir(nftCache, { recursive: true });
  const there = await readdir(nftCache);
  const missing = [...supported, tooOld].filter((suite) => !there.includes(suite));
  await Promise.all(missing.map((suite) => bring(suite, mirror, keyring)));
  return { supported, tooOld };
}

async function bring(suite: string, mirror: string, keyring: string): Promise<void> {
  const work = await mkdtemp(join(nftCache, '.new-'));
  try {
    const packages = await download(suite, mirror, keyring, work);
    const root = join(work, 'result/root');
    await mkdir(root, { recursive: true });
    for (const file of packages) await execa('dpkg-deb', ['--extract', file, root]);
    await writeStarter(suite, root, join(work, 'result/bin'));
    await rename(join(work, 'result'), join(nftCache, suite)).catch((error) => {
      // Another test brought it meanwhile.
      if (error.code !== 'ENOTEMPTY') throw error;
    });
  } catch (error) {
    throw new Error(`cannot bring the nft of ${suite} from ${mirror}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Has apt, with sources, lists and a cache of its own, bring nftables and all that it needs on a machine without any
 * package: the paths of the packages, whose signatures and sums apt has verified.
 */
async function download(suite: string, mirror: string, keyring: string, work: string): Promise<string[]> {
  await mkdir(join(work, 'lists/partial'), { recursive: true });
  await mkdir(join(work, 'cache/archives/partial'), { recursive: true });
  await writeFile(
    join(work, 'archive.sources'),
    `Types: deb\nURIs: ${mirror}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`,
  );
  await writeFile(join(work, 'status'), '');
  const settings = {
    'Dir::Etc::SourceList': join(work, 'archive.sources'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(work, 'lists'),
    'Dir::State::Status': join(work, 'status'),
    'Dir::Cache': join(work, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    // The lock is the machine's own, and nothing of the machine is changed.
    'Debug::NoLocking': 'true',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  await execa('apt-get', [...options, 'update']);
  await execa('apt-get', [
    ...options,
    ...['install', '--yes', '--download-only', '--no-install-recommends', 'nftables'],
  ]);
  const archives = join(work, 'cache/archives');
  const names = await readdir(archives);
  return names.filter((name) => name.endsWith('.deb')).map((name) => join(archives, name));
}

interface Machine {
  /** The name of its folder of libraries (Debian's multiarch). */
  readonly folder: string;
  /** What starts a program with libraries from there. */
  readonly loader: string;
}

const machines: Readonly<Record<string, Machine>> = {
  x64: { folder: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { folder: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

/** Writes the program that PATHs find. Its paths are those that the files have when the release is in its place. */
async function writeStarter(suite: string, root: string, folder: string): Promise<void> {
  const machine = machines[process.arch];
  if (!machine) throw new Error(`no libraries are known for ${process.arch}`);
  const libraries = ['lib', 'usr/lib'].map((path) => `${path}/${machine.folder}`);
  const loader = await firstOf(
    root,
    libraries.map((path) => `${path}/${machine.loader}`),
  );
  const program = await firstOf(root, ['usr/sbin/nft', 'sbin/nft']);
  const home = join(nftFolder(suite), '../root');
  const path = libraries.map((library) => join(home, library)).join(':');
  await mkdir(folder);
  await writeFile(
    join(folder, 'nft'),
    `#!/bin/sh\nexec ${join(home, loader)} --library-path ${path} ${join(home, program)} "$@"\n`,
  );
  await chmod(join(folder, 'nft'), 0o755);
}

async function firstOf(root: string, paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const isThere = await access(join(root, path)).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new Error(`no ${paths.join(' and no ')} in ${root}`);
}
