import test from 'ava';
import {
  type Cluster,
  elsewhere,
  hereAmongNodes,
  openCluster,
  privateRanges,
  publicRanges,
} from '../lab/cluster.ts';
import { podIPs } from '../lab/cni.ts';
import { both, look, mirrorIn } from '../lab/mirror.ts';
import { type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, type Config } from '../lab/pods.ts';

const outside = ['192.0.2.1', '2001:db8::1'];
const nodeIPs = ['192.0.2.10', '2001:db8::10'];

/** The sources that are seen in a namespace, at each of its addresses. */
async function sources(from: Namespace, at: Namespace, addresses: readonly string[]) {
  await using mirror = await mirrorIn(at);
  return await look(from, addresses, mirror.port);
}

/** Whose address the far end sees, by family. */
type Sees = readonly ['node' | 'pod', 'node' | 'pod'];

interface Case {
  readonly what: string;
  readonly config: Config;
  readonly ranges?: typeof privateRanges;
  readonly outside: Sees;
  readonly elsewhere?: Sees;
  readonly otherPod?: Sees;
}

const node: Sees = ['node', 'node'];
const pod: Sees = ['pod', 'pod'];
const clusterCIDRs = ['10.244.0.0/16', 'fd00:10:244::/48'];

const cases: Case[] = [
  { what: 'auto, private addresses', config: {}, outside: node },
  { what: 'auto, public addresses', config: {}, ranges: publicRanges, outside: pod },
  { what: 'true, public addresses', config: { ipMasq: true }, ranges: publicRanges, outside: node },
  { what: 'false, private addresses', config: { ipMasq: false }, outside: pod },
  {
    what: 'by family, one on and one off',
    config: { ipMasq: { IPv4: true, IPv6: false } },
    outside: ['node', 'pod'],
  },
  {
    what: 'by family, what is not said is auto',
    config: { ipMasq: { IPv4: false } },
    outside: ['pod', 'node'],
  },
  { what: 'clusterCIDRs', config: { clusterCIDRs }, outside: node, otherPod: pod },
  {
    what: 'clusterCIDRs of one family',
    config: { clusterCIDRs: clusterCIDRs.slice(1) },
    outside: node,
    otherPod: ['node', 'pod'],
  },
  {
    what: 'nonMasqueradeCIDRs, beside and among each other',
    config: {
      clusterCIDRs,
      nonMasqueradeCIDRs: ['203.0.113.0/25', '203.0.113.128/25', '10.244.7.0/24', '2001:db8:113::1'],
    },
    outside: node,
    elsewhere: pod,
    otherPod: pod,
  },
];

function expected(who: Sees, { result }: Cluster['pod'], nodeAddresses: readonly string[]): string[] {
  const own = podIPs(result);
  return both(who.map((one, index) => (one === 'pod' ? own : nodeAddresses)[index] ?? ''));
}

for (const { what, config, ranges = privateRanges, ...sees } of cases) {
  test.serial(`who sees which source, TCP and UDP, both families: ipMasq ${what}`, async (t) => {
    await using lab = await openLab();
    const cluster = await openCluster(lab, config, ranges);
    const { world, farHost, node, otherNode, otherPod } = cluster;
    const from = cluster.pod.pod;
    const [own, others] = [podIPs(cluster.pod.result), podIPs(otherPod.result)];
    const { outside: toOutside, elsewhere: toElsewhere = toOutside, otherPod: toPod = toOutside } = sees;
    t.deepEqual(await sources(from, world, outside), expected(toOutside, cluster.pod, nodeIPs), 'outside');
    t.deepEqual(
      await sources(from, farHost, elsewhere),
      expected(toElsewhere, cluster.pod, nodeIPs),
      'elsewhere',
    );
    t.deepEqual(
      await sources(from, otherPod.pod, others),
      expected(toPod, cluster.pod, hereAmongNodes),
      'the pod of another node',
    );
    t.deepEqual(await sources(from, node, nodeIPs), both(own), 'the own node');
    t.deepEqual(await sources(node, world, outside), both(nodeIPs), 'from the node');
    const gateways = cluster.pod.result.ips.map(({ gateway }) => gateway);
    t.deepEqual(await sources(node, from, own), both(gateways), 'from the node to its own pod');
    t.deepEqual(await sources(node, otherPod.pod, others), both(hereAmongNodes), 'from the node to a pod');
    t.deepEqual(await sources(otherNode, from, own), both(['172.30.0.2', 'fd00:30::2']), 'from another node');
    t.deepEqual(await sources(world, from, own), both(outside), 'from the outside');
  });
}

test.serial(
  'networks stand side by side: each has its own masquerading, and pods of one node keep their sources',
  async (t) => {
    await using lab = await openLab();
    const hub = await lab.node();
    const world = await lab.outside(hub);
    const others = { name: 'others', podCIDRs: ['10.7.0.0/24', 'fd07::/64'], ipMasq: false };
    const [one, other] = [await addPod(lab, hub, {}, 'one'), await addPod(lab, hub, others, 'other')];
    for (const range of others.podCIDRs) {
      await world.run(
        'ip',
        'route',
        'add',
        range,
        'via',
        range.includes(':') ? '2001:db8::10' : '192.0.2.10',
      );
    }
    const again = await addPod(lab, hub, {}, 'again');
    t.deepEqual(await sources(one.pod, world, outside), both(nodeIPs));
    t.deepEqual(await sources(again.pod, world, outside), both(nodeIPs));
    t.deepEqual(await sources(other.pod, world, outside), both(podIPs(other.result)));
    t.deepEqual(await sources(one.pod, again.pod, podIPs(again.result)), both(podIPs(one.result)));
    const masqueraded = await addPod(lab, hub, { ...others, ipMasq: true }, 'masqueraded');
    t.deepEqual(await sources(masqueraded.pod, world, outside), both(nodeIPs));
    t.deepEqual(await sources(one.pod, world, outside), both(nodeIPs));
  },
);

test.serial('the addresses that a delegate gives are masqueraded as its network', async (t) => {
  await using lab = await openLab();
  const hub = await lab.node();
  const world = await lab.outside(hub);
  const ipam = (last: number) => ({
    podCIDRs: undefined,
    ipam: {
      type: 'static',
      addresses: [{ address: `10.${last}.0.5/24` }, { address: `fd0${last}::5/64` }],
    },
  });
  const [one, other] = [await addPod(lab, hub, ipam(8), 'one'), await addPod(lab, hub, ipam(9), 'other')];
  for (const { pod: from } of [one, other]) t.deepEqual(await sources(from, world, outside), both(nodeIPs));
});
