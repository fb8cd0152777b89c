import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { criSection } from '../../lab/containerd.ts';
import { writeImage } from '../../lab/image.ts';
import { until } from '../../lab/until.ts';
import { type Family, pair, plans, starting } from './addresses.ts';
import { type ControlPlane, proxy } from './control-plane.ts';
import { type Endpoint, type User, writeKubeconfig } from './credentials.ts';
import type { Daemon, Host } from './host.ts';

export type ProxyMode = 'nftables' | 'iptables';

/** A node: its host, the family of its first address, and what runs on it. */
export interface Worker {
  readonly host: Host;
  readonly first: Family;
  readonly containerd: Daemon;
  readonly kubelet: Daemon;
  kubeProxy: Daemon;
}

/** The node's addresses as kubelet's `--node-ip` has them. */
function nodeIPs(host: Host, first: Family): string {
  return starting(first)
    .map((family) => host.address(family))
    .join();
}

/** Starts containerd with its files in the host's folder, and its socket where clients look. */
export async function startContainerd(host: Host, archives: readonly string[]): Promise<Daemon> {
  await mkdir(host.machine.outside('/etc/containerd'), { recursive: true });
  const snapshotter = await snapshotterFor(host);
  await writeFile(
    host.machine.outside('/etc/containerd/config.toml'),
    containerdConfig(host.machine.folder, snapshotter),
  );
  const containerd = await host.daemon('containerd', 'containerd');
  await until(`containerd on ${host.name}`, () => host.run('ctr', 'version'), 60_000);
  for (const archive of [await writeImage(host.machine.folder), ...archives]) {
    await host.run('ctr', '--namespace', 'k8s.io', 'image', 'import', '--snapshotter', snapshotter, archive);
  }
  return containerd;
}

/** overlayfs where the folder is on a file system that can be its upper layer: on another overlay, it is not. */
async function snapshotterFor(host: Host): Promise<'overlayfs' | 'native'> {
  const trial = join(host.machine.folder, 'trial');
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(trial, name));
  for (const path of [lower, upper, work, merged]) await mkdir(path ?? '', { recursive: true });
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  try {
    await host.run('mount', '-t', 'overlay', '-o', options, 'overlay', merged ?? '');
  } catch {
    return 'native';
  }
  await host.run('umount', merged ?? '');
  return 'overlayfs';
}

/** The CNI section is what docs/install.md says; the rest is what namespaces on one machine need. */
function containerdConfig(folder: string, snapshotter: string): string {
  return `version = 2
root = "${folder}/containerd"
${criSection(snapshotter, { bin_dir: '/opt/cni/bin', conf_dir: '/etc/cni/net.d', ip_pref: 'cni' })}`;
}

/** Starts kubelet: the node registers itself. */
export async function startKubelet(
  host: Host,
  { endpoint }: ControlPlane,
  identity: User,
  first: Family,
): Promise<Daemon> {
  const folder = host.machine.folder;
  const config = join(folder, 'kubelet.json');
  await writeFile(join(folder, 'resolv.conf'), `nameserver ${plans[first].outside.host(10)}\n`);
  await writeFile(config, JSON.stringify(kubeletConfig(folder, first)));
  return host.daemon(
    'kubelet',
    'kubelet',
    `--config=${config}`,
    `--kubeconfig=${await writeKubeconfig(folder, 'kubelet', endpoint, identity)}`,
    `--node-ip=${nodeIPs(host, first)}`,
    '--v=2',
  );
}

/** Without cgroups of its own, and without the kernel's settings, which belong to the machine below. */
function kubeletConfig(folder: string, first: Family): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    resolvConf: join(folder, 'resolv.conf'),
    clusterDomain: 'cluster.local',
    clusterDNS: starting(first).map((family) => plans[family].dns),
    featureGates: { KubeletInUserNamespace: true },
    failCgroupV1: false,
    failSwapOn: false,
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  };
}

export async function startKubeProxy(
  host: Host,
  endpoint: Endpoint,
  mode: ProxyMode,
  first: Family,
): Promise<Daemon> {
  const folder = host.machine.folder;
  const config = join(folder, 'kube-proxy.json');
  const content = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    clientConnection: { kubeconfig: await writeKubeconfig(folder, 'kube-proxy', endpoint, proxy) },
    clusterCIDR: pair(first, ({ clusterCIDR }) => clusterCIDR),
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  await writeFile(config, JSON.stringify(content));
  return host.daemon('kube-proxy', 'kube-proxy', `--config=${config}`, '--v=2');
}
