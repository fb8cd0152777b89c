import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../lab/until.ts';
import { type Family, inUrl, pair, plans } from './addresses.ts';
import {
  admin,
  type Endpoint,
  type User,
  user,
  writeKubeconfig,
  writeServiceAccountKey,
  writeTokens,
} from './credentials.ts';
import type { Host } from './host.ts';

/** The host that etcd, the API server, the controllers and the scheduler run on. */
export interface ControlPlane {
  readonly host: Host;
  readonly endpoint: Endpoint;
}

const controllers = user('system:kube-controller-manager');
const scheduler = user('system:kube-scheduler');
export const administrator = admin();
export const proxy = user('system:kube-proxy');

/**
 * Starts a control plane whose Services and podCIDRs have the family `first` first, on a host that is on the network
 * already.
 *
 * @param nodes the users of the kubelets.
 */
export async function startControlPlane(
  host: Host,
  first: Family,
  nodes: readonly User[],
): Promise<ControlPlane> {
  const folder = host.machine.folder;
  await host.daemon('etcd', 'etcd', '--data-dir=/run/etcd', '--log-level=warn');
  const key = await writeServiceAccountKey(folder);
  const tokens = await writeTokens(folder, [administrator, controllers, scheduler, proxy, ...nodes]);
  const services = `--service-cluster-ip-range=${pair(first, ({ serviceCIDR }) => serviceCIDR)}`;
  await host.daemon(
    'kube-apiserver',
    'kube-apiserver',
    '--etcd-servers=http://127.0.0.1:2379',
    '--bind-address=::',
    `--advertise-address=${host.address(first)}`,
    `--cert-dir=${folder}`,
    `--token-auth-file=${tokens}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    services,
  );
  const endpoint = await answering(host, first);
  await startControllers(host, endpoint, key, first, services);
  return { host, endpoint };
}

/** The certificate is read at each attempt: the API server writes it when it starts, and not at once. */
function answering(host: Host, first: Family): Promise<Endpoint> {
  const url = `https://${inUrl(host.address(first))}:6443`;
  const attempt = async (): Promise<Endpoint> => {
    const certificate = await readFile(join(host.machine.folder, 'apiserver.crt'), 'utf8');
    const endpoint = { url, certificate };
    await writeKubeconfig(host.machine.folder, 'admin', endpoint, administrator);
    await host.run('kubectl', 'get', '--raw', '/readyz');
    return endpoint;
  };
  return until('the API server to be ready', attempt, 180_000);
}

async function startControllers(
  host: Host,
  endpoint: Endpoint,
  key: string,
  first: Family,
  services: string,
): Promise<void> {
  const folder = host.machine.folder;
  await host.daemon(
    'kube-controller-manager',
    'kube-controller-manager',
    `--kubeconfig=${await writeKubeconfig(folder, 'controllers', endpoint, controllers)}`,
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${key}`,
    `--root-ca-file=${join(folder, 'apiserver.crt')}`,
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${pair(first, ({ clusterCIDR }) => clusterCIDR)}`,
    `--node-cidr-mask-size-ipv4=${plans.IPv4.nodeMask}`,
    `--node-cidr-mask-size-ipv6=${plans.IPv6.nodeMask}`,
    services,
  );
  await host.daemon(
    'kube-scheduler',
    'kube-scheduler',
    `--kubeconfig=${await writeKubeconfig(folder, 'scheduler', endpoint, scheduler)}`,
    '--leader-elect=false',
  );
}
