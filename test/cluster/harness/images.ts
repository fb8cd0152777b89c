import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { minimalRoot } from '../../lab/root.ts';
import { certificates, program } from '../tools/tools.ts';

/** `.test` never resolves (RFC 6761): nobody pulls these. */
export const registry = 'dualstack.test';

/** Kubernetes' own image for tests, under the version that its 1.36.4 asks for. */
export const agnhost = `${registry}/agnhost:2.63.0`;

/** Debian's packages of what the tests call in the image. Upstream has the same programs, of Alpine. */
const packages = [
  'bind9-dnsutils',
  'curl',
  'iperf',
  'iproute2',
  'iptables',
  'iputils-ping',
  'netcat-openbsd',
];

/** What nobody reads in a pod. */
const unread = ['./usr/share/doc', './usr/share/man', './usr/share/locale', './var/cache', './var/lib/apt'];

const cache = join(import.meta.dirname, '../../../dist/cluster');

/**
 * Makes the image, which is a Docker archive (https://github.com/moby/docker-image-spec) of two layers: a minimal Debian,
 * and the programs. Kept until the programs are others.
 *
 * @returns the path of the archive.
 */
export async function agnhostArchive(): Promise<string> {
  const programs = [await program('agnhost')];
  const parts = [await minimalRoot(packages), ...programs];
  const key = createHash('sha256')
    .update(JSON.stringify([agnhost, packages, unread, parts]))
    .digest('hex');
  const archive = join(cache, `agnhost-${key.slice(0, 16)}.tar`);
  await mkdir(cache, { recursive: true });
  if (
    await access(archive).then(
      () => true,
      () => false,
    )
  )
    return archive;
  const work = await mkdtemp(join(cache, '.'));
  try {
    await build(work, parts[0] ?? '', programs);
    await rename(join(work, 'archive.tar'), archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

async function build(work: string, root: string, programs: readonly string[]): Promise<void> {
  const own = join(work, 'own');
  await mkdir(join(own, 'uploads'), { recursive: true });
  for (const path of [...programs, ...(await certificates())])
    await copyFile(path, join(own, path.split('/').at(-1) ?? ''));
  await pack(root, ['.'], join(work, 'root.tar'), unread);
  await pack(own, ['.'], join(work, 'own.tar'));
  await writeManifest(work, ['root.tar', 'own.tar']);
  await pack(work, ['manifest.json', 'config.json', 'root.tar', 'own.tar'], join(work, 'archive.tar'));
}

async function writeManifest(work: string, layers: readonly string[]): Promise<void> {
  const digests = await Promise.all(layers.map((layer) => digest(join(work, layer))));
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      Entrypoint: ['/agnhost'],
      Cmd: ['pause'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    },
    rootfs: { type: 'layers', diff_ids: digests.map((hex) => `sha256:${hex}`) },
  };
  await writeFile(join(work, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [agnhost], Layers: layers }];
  await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function pack(
  folder: string,
  names: readonly string[],
  archive: string,
  without: readonly string[] = [],
): Promise<void> {
  const excluded = without.map((name) => `--exclude=${name}`);
  const owner = ['--numeric-owner', ...(without.length > 0 ? [] : ['--owner=0', '--group=0'])];
  await execa('tar', ['--create', '--file', archive, '--directory', folder, ...owner, ...excluded, ...names]);
}
