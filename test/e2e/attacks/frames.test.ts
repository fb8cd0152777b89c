import test from 'ava';
import { linkLocal } from '../../../netns/link/naming.ts';
import { openLab } from '../../lab/namespaces.ts';
import { type AddedPod, addPod } from '../../lab/pods.ts';
import { sendFrames } from '../../lab/scapy.ts';
import { watch } from '../../lab/watch.ts';

/** The MAC addresses of a pod's pair. */
interface Ends {
  readonly mac: string;
  readonly hostMac: string;
}

/** What a frame says: `own` of the pod that sends it, `other` of another pod of the node. */
interface Words {
  readonly own: Ends;
  readonly other: Ends;
}

function wordsOf({ result }: AddedPod): Ends {
  const [host, own] = result.interfaces;
  if (!host || !own) throw new Error('a pod has two interfaces');
  return { mac: own.mac, hostMac: host.mac };
}

const [ownIPv4, ownIPv6] = ['10.244.1.2', 'fd00:10:244:1::2'];
const [otherIPv4, otherIPv6] = ['10.244.1.3', 'fd00:10:244:1::3'];

/** What of them nftables sees, what follows scapy's Ether(), and whether it is to get past our table. */
const frames: [what: string, seen: string, payload: (words: Words) => string, isPassed: boolean][] = [
  [
    'an answer of DHCP as the gateway',
    'udp dport 68',
    () => `IP(src='10.244.1.1', dst='255.255.255.255')/UDP(sport=67, dport=68)/BOOTP(op=2)`,
    false,
  ],
  [
    'a question of DHCP from no address',
    'udp dport 67',
    () => `IP(src='0.0.0.0', dst='255.255.255.255')/UDP(sport=68, dport=67)/BOOTP()`,
    false,
  ],
  [
    'an answer of DHCPv6 from its link-local address',
    'udp dport 546',
    ({ own }) => `IPv6(src='${linkLocal(own.mac)}', dst='ff02::1:2')/UDP(sport=547, dport=546)/DHCP6_Reply()`,
    false,
  ],
  [
    'a neighbour advertisement as the gateway, overriding',
    'icmpv6 type nd-neighbor-advert',
    ({ own }) =>
      `IPv6(src='fd00:10:244:1::1', dst='ff02::1', hlim=255)/ICMPv6ND_NA(tgt='fd00:10:244:1::1', O=1)` +
      `/ICMPv6NDOptDstLLAddr(lladdr='${own.mac}')`,
    false,
  ],
  [
    'a question for multicast listeners, as a router sends it',
    'icmpv6 type mld-listener-query',
    ({ own }) =>
      `IPv6(src='${linkLocal(own.mac)}', dst='ff02::1', hlim=1)` +
      `/IPv6ExtHdrHopByHop(options=[RouterAlert()])/ICMPv6MLQuery()`,
    false,
  ],
  [
    'multicast from its link-local address',
    'udp dport 5353',
    ({ own }) => `IPv6(src='${linkLocal(own.mac)}', dst='ff02::fb')/UDP(sport=5353, dport=5353)`,
    false,
  ],
  [
    'an IPv4-mapped source',
    'udp dport 9',
    () => `IPv6(src='::ffff:${otherIPv4}', dst='${otherIPv6}')/UDP(dport=9)`,
    false,
  ],
  [
    'another pod’s source, with a tag of priority (IEEE 802.1Q, VLAN 0)',
    'udp dport 9',
    () => `Dot1Q(vlan=0, prio=7)/IP(src='${otherIPv4}', dst='10.244.1.1')/UDP(dport=9)`,
    false,
  ],
  [
    'another pod’s source, with a route of its own in the options',
    'udp dport 9',
    () =>
      `IP(src='${otherIPv4}', dst='10.244.1.1', options=[IPOption_LSRR(routers=['${ownIPv4}'])])/UDP(dport=9)`,
    false,
  ],
  [
    'another pod’s source, behind a routing header',
    `ip6 saddr ${otherIPv6}`,
    () =>
      `IPv6(src='${otherIPv6}', dst='fd00:10:244:1::1')/IPv6ExtHdrRouting(type=0, addresses=['${ownIPv6}'])/UDP(dport=9)`,
    false,
  ],
  [
    'a packet to the link-local address of another pod’s host end',
    'udp dport 9',
    ({ other }) => `IPv6(src='${ownIPv6}', dst='${linkLocal(other.hostMac)}')/UDP(dport=9)`,
    false,
  ],
  [
    'a packet to a link-local address of nobody',
    'icmpv6 type echo-request',
    () => `IPv6(src='${ownIPv6}', dst='fe80::bad:1')/ICMPv6EchoRequest()`,
    false,
  ],
  [
    'a neighbour advertisement from its own address to a link-local address of nobody',
    'icmpv6 type nd-neighbor-advert',
    () => `IPv6(src='${ownIPv6}', dst='fe80::bad:2', hlim=255)/ICMPv6ND_NA(tgt='${ownIPv6}')`,
    false,
  ],
  [
    'a packet to the link-local address of its own host end',
    'icmpv6 type echo-request',
    ({ own }) => `IPv6(src='${ownIPv6}', dst='${linkLocal(own.hostMac)}')/ICMPv6EchoRequest()`,
    true,
  ],
  [
    'multicast from its own address',
    'udp dport 5353',
    () => `IP(src='${ownIPv4}', dst='224.0.0.251')/UDP(sport=5353, dport=5353)`,
    true,
  ],
];

for (const [what, seen, payload, isPassed] of frames) {
  test.serial(`${what} is ${isPassed ? 'let through' : 'dropped'}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const pod = await addPod(lab, node, {}, 'pod');
    const words = { own: wordsOf(pod), other: wordsOf(await addPod(lab, node, {}, 'other')) };
    const count = await watch(node, `iifname ${pod.result.interfaces[0]?.name} ${seen}`);
    const { mac, hostMac } = words.own;
    await sendFrames(pod.pod, `Ether(src='${mac}', dst='${hostMac}')/${payload(words)}`);
    t.deepEqual(await count(), { sent: 1, passed: isPassed ? 1 : 0 });
  });
}

test.serial('a pod that sends to made-up link-local addresses makes the node look for none', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  for (const [containerID, config] of [
    ['guarded', {}],
    ['free', { spoofCheck: false }],
  ] as const) {
    const { pod, result } = await addPod(lab, node, config, containerID);
    const [host, own] = result.interfaces;
    const source = result.ips[1]?.address.split('/')[0];
    await sendFrames(
      pod,
      `[Ether(src='${own?.mac}', dst='${host?.mac}')/IPv6(src='${source}', dst='fe80::bad:%x' % i)/UDP(dport=9) for i in range(20)]`,
    );
    const entries = await node.ask<{ dst: string }[]>('-6', 'neighbour', 'show', 'dev', host?.name ?? '');
    t.deepEqual(
      entries.map(({ dst }) => dst).filter((dst) => dst.startsWith('fe80::bad')),
      [],
      containerID,
    );
  }
});

test.serial('ARP that nobody asked for changes none of the node’s neighbours', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { pod, result } = await addPod(lab, node, {}, 'pod');
  await addPod(lab, node, {}, 'other');
  const neighbours = async () => (await node.run('ip', 'neighbour', 'show')).split('\n').toSorted();
  const before = await neighbours();
  const [host] = result.interfaces;
  const claims = ['10.244.1.1', ownIPv4, otherIPv4, '192.0.2.10', '198.18.0.1'].flatMap((address) =>
    [1, 2].map(
      (operation) =>
        `Ether(src='02:00:00:00:00:66', dst='ff:ff:ff:ff:ff:ff')/ARP(op=${operation}, hwsrc='02:00:00:00:00:66', ` +
        `psrc='${address}', hwdst='${host?.mac}', pdst='${address}')`,
    ),
  );
  await sendFrames(pod, `[${claims.join(', ')}]`);
  t.deepEqual(await neighbours(), before);
});
