import { type Family, familyOf, starting } from '../harness/addresses.ts';
import type { Cluster } from '../harness/cluster.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import type { Worker } from '../harness/worker.ts';
import type { Check } from './check.ts';
import { withPods } from './fixtures.ts';
import { pod } from './workloads.ts';

/** Nodes and pods, as Kubernetes' page "IPv4/IPv6 dual-stack" and its "Validate IPv4/IPv6 dual-stack" have them. */
export const addressing: readonly Check[] = [
  {
    title: "a node has a podCIDR of each family, in the cluster's order",
    async run(t, { kubectl, configuration }) {
      for (const { metadata, spec } of await kubectl.items('nodes'))
        t.deepEqual(spec.podCIDRs.map(familyOf), [...starting(configuration.first)], metadata.name);
    },
  },
  {
    title: 'a node has an address of each family, in its order',
    async run(t, cluster) {
      for (const { host, first } of cluster.workers)
        t.deepEqual(await nodeAddresses(cluster, host.name), addressesOf(host, first), host.name);
    },
  },
  {
    title: "a pod's podIPs are one of each family, in its node's order, and its own of the podCIDRs",
    async run(t, cluster) {
      await onEachNode(cluster, false, async (worker, { status }) => {
        t.deepEqual(familiesOf(status), [...starting(worker.first)], worker.host.name);
        t.is(status.podIP, status.podIPs[0].ip);
      });
    },
  },
  {
    title: "a hostNetwork pod's podIPs are the node's addresses, in the node's order",
    async run(t, cluster) {
      await onEachNode(cluster, true, async ({ host, first }, { status }) => {
        t.deepEqual(
          status.podIPs.map(({ ip }: ApiObject) => ip),
          addressesOf(host, first),
          host.name,
        );
      });
    },
  },
  {
    title: 'a pod has its addresses in /etc/hosts',
    async run(t, cluster) {
      await onEachNode(cluster, false, async (_, { metadata, status }) => {
        const hosts = await cluster.kubectl.run('exec', metadata.name, '--', 'cat', '/etc/hosts');
        for (const { ip } of status.podIPs) t.true(hosts.includes(`${ip}\t${metadata.name}`), hosts);
      });
    },
  },
];

function addressesOf(host: Worker['host'], first: Family): string[] {
  return starting(first).map((family) => host.address(family));
}

async function nodeAddresses({ kubectl }: Cluster, node: string): Promise<string[]> {
  const { status } = await kubectl.get('node', node);
  const internal = status.addresses.filter(({ type }: ApiObject) => type === 'InternalIP');
  return internal.map(({ address }: ApiObject) => address);
}

function familiesOf(status: ApiObject): Family[] {
  return status.podIPs.map(({ ip }: ApiObject) => familyOf(ip));
}

/** Has a pod on each node, and looks at one after the other. */
function onEachNode(
  cluster: Cluster,
  hostNetwork: boolean,
  look: (worker: Worker, pod: ApiObject) => Promise<void>,
): Promise<void> {
  const { workers } = cluster;
  const objects = workers.map(({ host }) =>
    pod(`addressed-${host.name}`, { node: host.name, hostNetwork, args: ['pause'] }),
  );
  return withPods(cluster, objects, async (pods) => {
    for (const [index, worker] of workers.entries()) await look(worker, pods[index]);
  });
}
