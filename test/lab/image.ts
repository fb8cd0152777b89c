import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** The one image there is, for pods and for their sandboxes. `.test` never resolves (RFC 6761): nobody pulls it. */
export const imageName = 'dualstack.test/busybox:1';

const applets = ['true', 'sleep', 'ip', 'ping', 'httpd', 'wget'];

/**
 * Writes a Docker archive (https://github.com/moby/docker-image-spec) with one layer, which is busybox and its names,
 * into `folder`. Debian's busybox-static needs nothing else to run. Returns the path of the archive.
 */
export async function writeImage(folder: string): Promise<string> {
  const work = join(folder, 'image');
  await mkdir(join(work, 'root/bin'), { recursive: true });
  await mkdir(join(work, 'root/tmp'));
  await copyFile(await findBusybox(), join(work, 'root/bin/busybox'));
  for (const applet of applets) await symlink('busybox', join(work, 'root/bin', applet));
  await pack(join(work, 'root'), ['.'], join(work, 'layer.tar'));
  await writeManifest(work);
  const archive = join(folder, 'image.tar');
  await pack(work, ['manifest.json', 'config.json', 'layer.tar'], archive);
  return archive;
}

async function writeManifest(work: string): Promise<void> {
  const layer = createHash('sha256')
    .update(await readFile(join(work, 'layer.tar')))
    .digest('hex');
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Cmd: ['/bin/sleep', '86400'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [imageName], Layers: ['layer.tar'] }];
  await writeFile(join(work, 'config.json'), JSON.stringify(config));
  await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
}

async function pack(folder: string, names: string[], archive: string): Promise<void> {
  await execa('tar', [
    '--create',
    '--file',
    archive,
    '--directory',
    folder,
    '--owner=0',
    '--group=0',
    ...names,
  ]);
}

async function findBusybox(): Promise<string> {
  const { stdout } = await execa('which', ['busybox']);
  return stdout;
}
