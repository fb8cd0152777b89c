import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageName, writeImage } from './image.ts';
import type { Machine } from './machine.ts';
import { until } from './until.ts';

/** What a test may set of containerd's CNI section (`containerd config default` shows all). */
export type CniSection = {
  bin_dir?: string;
  conf_dir?: string;
  conf_template?: string;
  ip_pref?: 'ipv4' | 'ipv6' | 'cni';
};

export type Containerd = {
  /** The address that clients take, without `unix://`. */
  socket: string;
  /** Runs containerd's own client in the namespace that is CRI's too; its standard output. */
  ctr(...args: string[]): Promise<string>;
};

/**
 * Starts containerd on `machine`, with all its files in the machine's folder, and imports the image. It ends with the machine.
 */
export async function startContainerd(machine: Machine, cni: CniSection = {}): Promise<Containerd> {
  const socket = join(machine.folder, 'containerd.sock');
  const config = join(machine.folder, 'containerd.toml');
  const log = join(machine.folder, 'containerd.log');
  await writeFile(config, configuration(machine.folder, socket, cni));
  machine.startDaemon('containerd', ['--config', config], log);
  const ctr: Containerd['ctr'] = (...args) =>
    machine.run('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args]);
  await until(`containerd, which writes ${log}`, () => ctr('version'));
  await ctr('image', 'import', '--snapshotter', snapshotter, await writeImage(machine.folder));
  return { socket, ctr };
}

/** `native` copies files: unlike overlayfs it asks nothing of the file system below, and the image is one small file. */
export const snapshotter = 'native';

/**
 * CRI's part of a configuration, for namespaces on one machine.
 *
 * `restrict_oom_score_adj`: without CAP_SYS_RESOURCE no sandbox may have the score that Kubernetes gives it.
 * `disable_cgroup`: no limits, so no cgroup controllers are needed, which a container's cgroup often lacks.
 */
export function criSection(snapshotter: string, cni: CniSection): string {
  const cniLines = Object.entries(cni).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${imageName}"
restrict_oom_score_adj = true
disable_cgroup = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "${snapshotter}"
[plugins."io.containerd.grpc.v1.cri".cni]
${cniLines.join('\n')}
`;
}

function configuration(folder: string, socket: string, cni: CniSection): string {
  return `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
address = "${socket}"
${criSection(snapshotter, cni)}`;
}
