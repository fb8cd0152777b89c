import test from 'ava';
import { call, podIPs, succeeded } from '../lab/cni.ts';
import { type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, configuration } from '../lab/pods.ts';
import { ask, ping, serve, type Transport } from '../lab/probes.ts';

interface Address {
  readonly local: string;
  readonly tentative?: boolean;
}

/** Addresses that duplicate address detection has yet to pass, of all interfaces. */
async function tentative(namespace: Namespace): Promise<string[]> {
  const links = await namespace.ask<{ addr_info: Address[] }[]>('address', 'show');
  return links
    .flatMap(({ addr_info }) => addr_info.filter((address) => address.tentative))
    .map(({ local }) => local);
}

test.serial('right after ADD no address is tentative, link-local ones included', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { pod } = await addPod(lab, node);
  t.deepEqual([await tentative(node), await tentative(pod)], [[], []]);
  t.regex(await pod.run('ip', '-6', 'address', 'show', 'dev', 'eth0'), /inet6 fe80::/);
});

test.serial('the first packet after ADD is answered, each way and in both families: ICMP', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const first = await addPod(lab, node, {}, 'first');
  for (const address of podIPs(first.result)) await t.notThrowsAsync(ping(node, address));
  const second = await addPod(lab, node, {}, 'second');
  for (const gateway of second.result.ips.map((ip) => ip.gateway))
    await t.notThrowsAsync(ping(second.pod, gateway));
  for (const address of podIPs(first.result)) await t.notThrowsAsync(ping(second.pod, address));
  for (const address of podIPs(second.result)) await t.notThrowsAsync(ping(first.pod, address));
});

for (const transport of ['tcp', 'udp'] satisfies Transport[]) {
  test.serial(
    `the first packet after ADD is answered, each way and in both families: ${transport}`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const first = await addPod(lab, node, {}, 'first');
      await using server = await serve(first.pod, transport);
      const second = await addPod(lab, node, {}, 'second');
      const seen: string[] = [];
      for (const address of podIPs(first.result)) {
        seen.push(await ask(second.pod, transport, address, server.port));
        await t.notThrowsAsync(ask(node, transport, address, server.port));
      }
      await using onNode = await serve(node, transport);
      for (const { gateway } of second.result.ips) {
        seen.push(await ask(second.pod, transport, gateway, onNode.port));
      }
      const expected = podIPs(second.result);
      t.deepEqual(seen, [...expected, ...expected]);
    },
  );
}

test.serial(
  'neighbours are permanent on both ends: a host that answers no ARP is no hindrance',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await node.run('sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=2');
    const { pod, result } = await addPod(lab, node);
    for (const { gateway } of result.ips) await t.notThrowsAsync(ping(pod, gateway));
    for (const place of [node, pod]) {
      const neighbours = await place.ask<{ state: string[] }[]>('neighbour', 'show');
      t.is(neighbours.length, 2);
      for (const { state } of neighbours) t.deepEqual(state, ['PERMANENT']);
    }
  },
);

test.serial(
  'the host end carries the pod’s name, and both ends the MAC addresses of the result',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const pod = await lab.pod();
    const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=1';
    const outcome = await call(node, 'ADD', configuration(lab), { netns: pod.path, env: { CNI_ARGS: args } });
    const [host, inside] = succeeded(outcome).interfaces;
    const [link] = await node.ask<{ ifalias: string; address: string }[]>(
      'link',
      'show',
      'dev',
      host?.name ?? '',
    );
    t.is(link?.ifalias, 'default/web-0');
    t.is(link?.address, host?.mac);
    const [end] = await pod.ask<{ address: string }[]>('link', 'show', 'dev', 'eth0');
    t.is(end?.address, inside?.mac);
  },
);
