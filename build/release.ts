import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execaSync } from 'execa';

/** What an executable is built for, and with. */
export interface Target {
  /** As Debian and Kubernetes call the architecture. */
  readonly name: string;
  /** Node.js of the architecture: the executable is a copy of it. */
  readonly node: string;
  /** What starts programs of the architecture on this machine: nothing, or QEMU. */
  readonly emulator: readonly string[];
  /** A C compiler for the architecture. */
  readonly compiler: string;
}

const debianNames = { x64: 'amd64', arm64: 'arm64' } as const;
type Architecture = keyof typeof debianNames;

/** As QEMU and the GNU tools call them. */
const gnuNames = { x64: 'x86_64', arm64: 'aarch64' } as const;

export const native: Target = {
  name: debianNames[process.arch as Architecture],
  node: process.execPath,
  emulator: [],
  compiler: 'musl-gcc',
};

/**
 * Brings Node.js of another architecture from its npm package, in the version that package.json pins.
 *
 * @param folder for its files.
 * @throws {Error} when it is not the package that package-lock.json names.
 */
function fetchNode(root: string, architecture: Architecture, folder: string): string {
  const name = `node-linux-${architecture}`;
  const lock = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8'));
  const { version, integrity } = lock.packages[`node_modules/${name}`];
  execaSync('npm', ['pack', '--silent', `${name}@${version}`], { cwd: folder });
  const archive = `${folder}/${name}-${version}.tgz`;
  const digest = createHash('sha512').update(readFileSync(archive)).digest('base64');
  if (integrity !== `sha512-${digest}`) throw new Error(`${archive} is not what package-lock.json names`);
  execaSync('tar', ['-xzf', archive, '-C', folder]);
  return `${folder}/package/bin/node`;
}

/** The architectures that this machine is not, to be built under QEMU with the C library of Debian's cross compiler. */
export function foreignTargets(root: string, work: string): Target[] {
  const others = (Object.keys(debianNames) as Architecture[]).filter((name) => name !== process.arch);
  return others.map((architecture) => {
    const gnu = gnuNames[architecture];
    const folder = `${work}/${architecture}`;
    mkdirSync(folder, { recursive: true });
    return {
      name: debianNames[architecture],
      node: fetchNode(root, architecture, folder),
      emulator: [`qemu-${gnu}`, '-L', `/usr/${gnu}-linux-gnu`],
      // Debian has no musl for it: the launcher is static with glibc.
      compiler: `${gnu}-linux-gnu-gcc`,
    };
  });
}

/**
 * Makes the archive of a release: a folder with everything that a node needs.
 *
 * @param files paths of the files in it.
 */
export function pack(release: string, name: string, files: readonly string[]): void {
  const folder = `${release}/${name}`;
  mkdirSync(folder, { recursive: true });
  for (const file of files) copyFileSync(file, `${folder}/${file.slice(file.lastIndexOf('/') + 1)}`);
  const owner = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name'];
  execaSync('tar', ['-czf', `${folder}.tar.gz`, ...owner, '-C', release, name]);
  rmSync(folder, { recursive: true });
}

/** For `sha256sum --check`. */
export function writeChecksums(release: string): void {
  const lines = readdirSync(release)
    .filter((name) => name.endsWith('.tar.gz'))
    .map((name) => {
      const digest = createHash('sha256')
        .update(readFileSync(`${release}/${name}`))
        .digest('hex');
      return `${digest}  ${name}\n`;
    });
  writeFileSync(`${release}/SHA256SUMS`, lines.join(''));
}
