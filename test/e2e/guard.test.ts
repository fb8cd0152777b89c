import test, { type ExecutionContext } from 'ava';
import { advertise } from '../lab/advertiser.ts';
import { podIPs } from '../lab/cni.ts';
import { type Namespace, openLab } from '../lab/namespaces.ts';
import { type AddedPod, addPod, type Config } from '../lab/pods.ts';
import { ping } from '../lab/probes.ts';
import { until } from '../lab/until.ts';
import { type Counts, watch } from '../lab/watch.ts';

/** Sends from one of the pod's addresses and waits for no answer. */
async function send(pod: Namespace, from: string, to: string): Promise<void> {
  await pod.run('ping', '-n', '-c', '1', '-W', '1', '-I', from, to).catch(() => {});
}

async function giveAddress(pod: Namespace, address: string): Promise<void> {
  const nodad = address.includes(':') ? ['nodad'] : [];
  await pod.run('ip', 'address', 'add', address, 'dev', 'eth0', ...nodad);
}

function word(address: string): string {
  return address.includes(':') ? 'ip6' : 'ip';
}

const none: Counts = { sent: 1, passed: 0 };
const all: Counts = { sent: 1, passed: 1 };

const checks: [string, Config, Counts][] = [
  ['dropped', {}, none],
  ['let through when spoofCheck is false', { spoofCheck: false }, all],
];

/** Whose address it is that a pod takes. `to` is somebody whom the packet would reach. */
const spoofed: [string, string, string][] = [
  ['the other pod’s IPv4 address', '10.244.1.3', '192.0.2.1'],
  ['the other pod’s IPv6 address', 'fd00:10:244:1::3', '2001:db8::1'],
  ['the node’s IPv4 address', '192.0.2.10', '10.244.1.3'],
  ['the node’s IPv6 address', '2001:db8::10', 'fd00:10:244:1::3'],
  ['an IPv4 address of nobody', '198.18.0.1', '192.0.2.1'],
  ['an IPv6 address of nobody', '2001:db8:bad::1', '2001:db8::1'],
];

for (const [outcome, config, counts] of checks) {
  for (const [whose, address, to] of spoofed) {
    test.serial(`a packet from ${whose} is ${outcome}`, async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      await lab.outside(node);
      const { pod } = await addPod(lab, node, config, 'pod');
      await addPod(lab, node, config, 'other');
      await giveAddress(pod, address);
      const count = await watch(node, `${word(address)} saddr ${address} ${word(to)} daddr ${to}`);
      await send(pod, address, to);
      t.deepEqual(await count(), counts);
    });
  }

  test.serial(`a packet from another MAC address is ${outcome}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const { pod, result } = await addPod(lab, node, config);
    await pod.run('ip', 'link', 'set', 'dev', 'eth0', 'address', '02:00:00:00:00:66');
    for (const [index, address] of podIPs(result).entries()) {
      const gateway = result.ips[index]?.gateway ?? '';
      // The kernel forgot it with the address; without it there would be a question first, and that would be dropped.
      const entry = [gateway, 'lladdr', result.interfaces[0]?.mac ?? '', 'dev', 'eth0', 'nud', 'permanent'];
      await pod.run('ip', 'neighbour', 'replace', ...entry);
      const echo = address.includes(':') ? 'icmpv6' : 'icmp';
      const count = await watch(node, `${word(address)} saddr ${address} ${echo} type echo-request`);
      await send(pod, address, gateway);
      t.deepEqual(await count(), counts);
    }
  });

  test.serial(`what is no neighbour discovery from a link-local address is ${outcome}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const added = await addPod(lab, node, config);
    const count = await watch(node, 'ip6 saddr fe80::/10 icmpv6 type echo-request');
    await send(added.pod, 'eth0', await hostEndLinkLocal(node, added));
    t.deepEqual(await count(), counts);
  });

  test.serial(
    `router advertisements and redirects of a pod are dropped, also when a spoofed source is ${outcome}`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const { pod } = await addPod(lab, node, config);
      const count = await watch(node, 'icmpv6 type { nd-router-advert, nd-redirect }');
      await using _ = await advertise(lab, pod, { link: 'eth0', prefix: '2001:db8:66::/64', lifetime: 600 });
      await until('advertisements', async () => {
        if ((await count()).sent < 3) throw new Error('too few');
      });
      t.is((await count()).passed, 0);
    },
  );
}

async function hostEndLinkLocal(node: Namespace, { result }: AddedPod): Promise<string> {
  const name = result.interfaces[0]?.name ?? '';
  const [link] = await node.ask<{ addr_info: { local: string }[] }[]>('-6', 'address', 'show', 'dev', name);
  return link?.addr_info.find(({ local }) => local.startsWith('fe80'))?.local ?? '';
}

async function countsOf(
  t: ExecutionContext,
  node: Namespace,
  expression: string,
  act: () => Promise<unknown>,
) {
  const count = await watch(node, expression);
  await act();
  await until(`packets: ${expression}`, async () => {
    if ((await count()).sent === 0) throw new Error('none yet');
  });
  const { sent, passed } = await count();
  t.is(passed, sent, expression);
}

test.serial('neighbour discovery is let through: from link-local addresses, and from none', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const added = await addPod(lab, node);
  const { pod } = added;
  const neighbour = await hostEndLinkLocal(node, added);
  await countsOf(t, node, 'icmpv6 type nd-neighbor-solicit ip6 saddr fe80::/10', () =>
    send(pod, 'eth0', neighbour),
  );
  await countsOf(t, node, 'icmpv6 type nd-neighbor-solicit ip6 saddr ::', () =>
    pod.run('ip', 'address', 'add', 'fd66::66/128', 'dev', 'eth0'),
  );
});

test.serial('nothing of a pod reaches the node’s loopback addresses', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { pod } = await addPod(lab, node, { spoofCheck: false });
  await pod.run('sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
  await pod.run('ip', 'address', 'delete', '127.0.0.1/8', 'dev', 'lo');
  await pod.run('ip', 'route', 'add', '127.0.0.2/32', 'via', '10.244.1.1', 'dev', 'eth0');
  const count = await watch(node, 'ip daddr 127.0.0.2');
  await send(pod, '10.244.1.2', '127.0.0.2');
  t.deepEqual(await count(), none);
});

test.serial('a running pod is not cut off when the rules are gone and come back with another', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { pod } = await addPod(lab, node, {}, 'old');
  const works = async () => {
    for (const gateway of ['10.244.1.1', 'fd00:10:244:1::1']) await t.notThrowsAsync(ping(pod, gateway));
  };
  await node.run('nft', 'flush', 'ruleset');
  await works();
  await addPod(lab, node, {}, 'new');
  await works();
  await giveAddress(pod, '198.18.0.1');
  const count = await watch(node, 'ip saddr 198.18.0.1');
  await send(pod, '198.18.0.1', '10.244.1.1');
  t.deepEqual(await count(), none);
});
