import { join } from 'node:path';
import type { Lab, Namespace } from './namespaces.ts';
import { type AddedPod, addPod, type Config } from './pods.ts';

/** What each node of a cluster has for its pods. */
export interface Ranges {
  readonly here: readonly string[];
  readonly there: readonly string[];
}

/** Pods whose addresses are private in both families, of a cluster of 10.244.0.0/16 and fd00:10:244::/48. */
export const privateRanges: Ranges = {
  here: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
  there: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
};

/** Pods whose addresses are public in both families. */
export const publicRanges: Ranges = {
  here: ['198.51.100.0/25', '2001:db8:244:1::/64'],
  there: ['198.51.100.128/25', '2001:db8:244:2::/64'],
};

/** Of a host behind the world. */
export const elsewhere = ['203.0.113.1', '2001:db8:113::1'];

/** What the node that is `here` has towards the other node. */
export const hereAmongNodes = ['172.30.0.1', 'fd00:30::1'];

/** Two nodes with a pod each that are routed to each other, and a world that knows the way back to the first. */
export interface Cluster {
  readonly world: Namespace;
  readonly farHost: Namespace;
  readonly node: Namespace;
  readonly pod: AddedPod;
  readonly otherNode: Namespace;
  readonly otherPod: AddedPod;
}

async function route(from: Namespace, to: readonly string[], via: readonly string[]): Promise<void> {
  for (const [index, range] of to.entries()) {
    await from.run('ip', 'route', 'add', range, 'via', via[index] ?? '');
  }
}

/** @param config of the pods, beside their podCIDRs. */
export async function openCluster(lab: Lab, config: Config, ranges = privateRanges): Promise<Cluster> {
  const [node, otherNode] = [await lab.node(), await lab.node()];
  const world = await lab.outside(node);
  const farHost = await lab.namespace('far');
  await lab.cable(
    { namespace: world, link: 'far', addresses: ['203.0.113.254/24', '2001:db8:113::fe/64'] },
    {
      namespace: farHost,
      link: 'eth0',
      addresses: elsewhere.map((address) => `${address}/${address.includes(':') ? 64 : 24}`),
      gateways: ['203.0.113.254', '2001:db8:113::fe'],
    },
  );
  for (const key of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding'])
    await world.run('sysctl', '-qw', `net.${key}=1`);
  await lab.cable(
    { namespace: node, link: 'nodes', addresses: ['172.30.0.1/24', 'fd00:30::1/64'] },
    { namespace: otherNode, link: 'nodes', addresses: ['172.30.0.2/24', 'fd00:30::2/64'] },
  );
  await route(node, ranges.there, ['172.30.0.2', 'fd00:30::2']);
  await route(otherNode, ranges.here, hereAmongNodes);
  await route(world, ranges.here, ['192.0.2.10', '2001:db8::10']);
  const pod = await addPod(lab, node, { ...config, podCIDRs: ranges.here }, 'here');
  const store = join(lab.folder, 'there');
  const otherPod = await addPod(
    lab,
    otherNode,
    { ...config, podCIDRs: ranges.there, dataDir: store },
    'there',
  );
  return { world, farHost, node, pod, otherNode, otherPod };
}
