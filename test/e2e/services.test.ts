import test, { type ExecutionContext } from 'ava';
import { call, podIPs, succeeded } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { type Config, configuration } from '../lab/pods.ts';
import { ask, askAll, type Question, type Server, serve, type Transport } from '../lab/probes.ts';
import { iptables } from '../lab/proxies/iptables.ts';
import { nftables } from '../lab/proxies/nftables.ts';
import type { FamilyServices, ServicePort, ServiceProxy } from '../lab/proxies/service.ts';

/** What each family has: the addresses of `lab.outside`, and one ClusterIP for each Service. */
const families = [
  {
    family: 'IPv4',
    clusterCIDR: '10.244.0.0/16',
    nodeIP: '192.0.2.10',
    world: '192.0.2.1',
    gateway: '10.244.1.1',
    clusterIP: (number: number) => `10.96.0.${number}`,
  },
  {
    family: 'IPv6',
    clusterCIDR: 'fd00:10:244::/48',
    nodeIP: '2001:db8::10',
    world: '2001:db8::1',
    gateway: 'fd00:10:244:1::1',
    clusterIP: (number: number) => `fd00:10:96::${number}`,
  },
] as const;

/** The pods, and the addresses that they ask for: a proxy may know them before they are there. */
const pods = {
  one: ['10.244.1.11', 'fd00:10:244:1::11'],
  two: ['10.244.1.12', 'fd00:10:244:1::12'],
  client: ['10.244.1.13', 'fd00:10:244:1::13'],
} as const;

type PodName = keyof typeof pods;

/** The Services: each has both families, and the pods `one` and `two` behind it, or `one` alone. */
const services = {
  web: { number: 10, nodePort: 30080, protocol: 'tcp', behind: ['one', 'two'] },
  dns: { number: 11, nodePort: 30053, protocol: 'udp', behind: ['one', 'two'] },
  own: { number: 12, protocol: 'tcp', behind: ['one'] },
  sticky: { number: 13, protocol: 'tcp', behind: ['one', 'two'], affinity: true },
  kept: { number: 14, nodePort: 30081, protocol: 'tcp', behind: ['one', 'two'], local: true },
} as const;

interface Cluster {
  readonly lab: Lab;
  readonly node: Namespace;
  readonly world: Namespace;
  readonly pods: Readonly<Record<PodName, Namespace>>;
  readonly ports: Readonly<Record<'one' | 'two', Readonly<Record<Transport, number>>>>;
}

async function openCluster(lab: Lab, servers: AsyncDisposableStack): Promise<Cluster> {
  const node = await lab.node();
  const world = await lab.outside(node);
  const namespaces = { one: await lab.pod(), two: await lab.pod(), client: await lab.pod() };
  const start = async (name: 'one' | 'two', transport: Transport): Promise<number> =>
    servers.use<Server>(await serve(namespaces[name], transport, name)).port;
  const ports = {
    one: { tcp: await start('one', 'tcp'), udp: await start('one', 'udp') },
    two: { tcp: await start('two', 'tcp'), udp: await start('two', 'udp') },
  };
  return { lab, node, world, pods: namespaces, ports };
}

function servicesOf({ ports }: Cluster, index: number): FamilyServices {
  const { family, clusterCIDR, nodeIP, clusterIP } = families[index] ?? families[0];
  const all = Object.entries(services).map(([name, { number, behind, ...service }]): ServicePort => {
    const endpoints = behind.map((pod) => ({
      address: pods[pod][index] ?? '',
      port: ports[pod][service.protocol],
    }));
    return { name, clusterIP: clusterIP(number), port: 80, endpoints, ...service };
  });
  return { family, clusterCIDR, nodeIP, services: all };
}

async function sync(proxy: ServiceProxy, cluster: Cluster): Promise<void> {
  for (const index of families.keys()) await proxy.sync(cluster.node, servicesOf(cluster, index));
}

async function addPods(cluster: Cluster, more: Config, ...names: readonly PodName[]): Promise<void> {
  for (const containerID of names) {
    const ips = pods[containerID];
    const config = configuration(cluster.lab, { ...more, runtimeConfig: { ips } });
    const netns = cluster.pods[containerID].path;
    const result = succeeded(await call(cluster.node, 'ADD', config, { netns, containerID }));
    if (podIPs(result).join() !== ips.join()) throw new Error(`${containerID} has ${podIPs(result)}`);
  }
}

/** One question, and the source address that the pod behind the Service sees it come from. */
interface Expectation extends Question {
  readonly who: string;
  readonly seen: string;
}

/** Who asks which Service how, in one family. */
function expectations(index: number): Record<'client' | 'node' | 'one' | 'world', Expectation[]> {
  const { nodeIP, world, gateway, clusterIP } = families[index] ?? families[0];
  const { web, dns, own, kept } = services;
  const client = pods.client[index] ?? '';
  const byClusterIP = { transport: 'tcp', port: 80 } as const;
  const byNodePort = { transport: 'tcp', to: nodeIP, port: web.nodePort } as const;
  return {
    client: [
      { who: 'a pod, by the ClusterIP', ...byClusterIP, to: clusterIP(web.number), seen: client },
      { who: 'a pod, by UDP', ...byClusterIP, transport: 'udp', to: clusterIP(dns.number), seen: client },
      { who: 'a pod, by the NodePort', ...byNodePort, seen: gateway },
      {
        who: 'a pod, by the NodePort that keeps addresses',
        ...byNodePort,
        port: kept.nodePort,
        seen: client,
      },
    ],
    node: [
      { who: 'the node, by the ClusterIP', ...byClusterIP, to: clusterIP(web.number), seen: gateway },
      { who: 'the node, by its NodePort', ...byNodePort, seen: gateway },
    ],
    one: [{ who: 'a pod that reaches itself', ...byClusterIP, to: clusterIP(own.number), seen: gateway }],
    world: [
      { who: 'the outside, by the NodePort', ...byNodePort, seen: gateway },
      { who: 'the outside, by UDP', ...byNodePort, transport: 'udp', port: dns.nodePort, seen: gateway },
      { who: 'the outside, with its address kept', ...byNodePort, port: kept.nodePort, seen: world },
    ],
  };
}

/** An answer is the source address that was seen, and the name of the pod that saw it. */
async function answers(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const namespaces = { ...cluster.pods, node: cluster.node, world: cluster.world };
  for (const [index, { family, clusterIP }] of families.entries()) {
    for (const [from, expected] of Object.entries(expectations(index))) {
      const given = await askAll(namespaces[from as keyof typeof namespaces], expected);
      const sources = given.map((answer) => answer.split(' ')[0]);
      const whoSawWhat = expected.map(({ who }, at) => `${family}: ${who}: ${sources[at]}`);
      t.deepEqual(
        whoSawWhat,
        expected.map(({ who, seen }) => `${family}: ${who}: ${seen}`),
      );
    }
    const sticky = { transport: 'tcp', to: clusterIP(services.sticky.number), port: 80 } as const;
    const given = await askAll(cluster.pods.client, Array<Question>(20).fill(sticky));
    t.is(new Set(given).size, 1, `${family}: a client stays with its pod`);
  }
}

/** That the client meets the outside with the node's address says that our rules are at work beside those of the proxy. */
async function expectMasquerade(t: ExecutionContext, { pods: { client }, world }: Cluster): Promise<void> {
  await using server = await serve(world, 'tcp');
  for (const { nodeIP, world: to } of families) {
    t.is(await ask(client, 'tcp', to, server.port), nodeIP);
  }
}

async function delPods({ lab, node }: Cluster): Promise<void> {
  for (const containerID of Object.keys(pods))
    succeeded(await call(node, 'DEL', configuration(lab), { containerID }));
}

/** What a network is told, and whether its pods reach the outside with the node's address. */
interface Setting {
  readonly what: string;
  readonly more: Config;
  readonly masqueraded: boolean;
}

const settings: readonly Setting[] = [
  {
    what: 'masquerade and spoof check',
    more: { ipMasq: true, spoofCheck: true, clusterCIDRs: families.map(({ clusterCIDR }) => clusterCIDR) },
    masqueraded: true,
  },
  { what: 'neither', more: { ipMasq: false, spoofCheck: false }, masqueraded: false },
];

for (const proxy of [nftables, iptables]) {
  for (const { what, more, masqueraded } of settings) {
    test.serial(`Services work when the ${proxy.mode} proxy was first: ${what}`, async (t) => {
      await using lab = await openLab();
      await using servers = new AsyncDisposableStack();
      const cluster = await openCluster(lab, servers);
      await sync(proxy, cluster);
      const before = await proxy.rules(cluster.node);
      await addPods(cluster, more, 'one', 'two', 'client');
      t.is(await proxy.rules(cluster.node), before);
      await answers(t, cluster);
      if (masqueraded) await expectMasquerade(t, cluster);
      await delPods(cluster);
      t.is(await proxy.rules(cluster.node), before);
    });

    test.serial(
      `Services work when the ${proxy.mode} proxy came later, and wrote its rules again: ${what}`,
      async (t) => {
        await using lab = await openLab();
        await using servers = new AsyncDisposableStack();
        const cluster = await openCluster(lab, servers);
        await addPods(cluster, more, 'one', 'two');
        await sync(proxy, cluster);
        await addPods(cluster, more, 'client');
        await sync(proxy, cluster);
        await answers(t, cluster);
        if (masqueraded) await expectMasquerade(t, cluster);
      },
    );
  }
}
