import test, { type ExecutionContext } from 'ava';
import { linkLocal } from '../../../netns/link/naming.ts';
import { type Lab, type Namespace, openLab } from '../../lab/namespaces.ts';
import { type AddedPod, addPod } from '../../lab/pods.ts';
import { ping } from '../../lab/probes.ts';
import { scapy, sendFrames } from '../../lab/scapy.ts';
import { watch } from '../../lab/watch.ts';

/** As the attacker's packets say it. */
interface Words {
  readonly mac: string;
  readonly hostMac: string;
  readonly hostLinkLocal: string;
}

function wordsOf({ result }: AddedPod): Words {
  const [host, own] = result.interfaces;
  if (!host || !own) throw new Error('a pod has two interfaces');
  return { mac: own.mac, hostMac: host.mac, hostLinkLocal: linkLocal(host.mac) };
}

/** Entries of the node's neighbour table on a pod's host end, but the permanent ones that ADD made. */
async function learned(node: Namespace, { result }: AddedPod): Promise<string[]> {
  const name = result.interfaces[0]?.name ?? '';
  const entries = await node.ask<{ dst: string; state: string[] }[]>('neighbour', 'show', 'dev', name);
  return entries.filter(({ state }) => !state.includes('PERMANENT')).map(({ dst }) => dst);
}

const solicitation = ({ mac, hostMac, hostLinkLocal }: Words) =>
  `Ether(src='${mac}', dst='${hostMac}')/IPv6(src=source, dst='${hostLinkLocal}', hlim=255)` +
  `/ICMPv6ND_NS(tgt='${hostLinkLocal}')/ICMPv6NDOptSrcLLAddr(lladdr='${mac}')`;

/** Each makes the kernel learn a neighbour. `source` is the one that it says it comes from. */
const lessons: [string, 'IPv4' | 'IPv6', (words: Words) => string][] = [
  ['neighbour solicitations', 'IPv6', solicitation],
  [
    'router solicitations',
    'IPv6',
    ({ mac, hostMac }) =>
      `Ether(src='${mac}', dst='${hostMac}')/IPv6(src=source, dst='ff02::2', hlim=255)` +
      `/ICMPv6ND_RS()/ICMPv6NDOptSrcLLAddr(lladdr='${mac}')`,
  ],
  [
    'ARP requests',
    'IPv4',
    ({ mac, hostMac }) =>
      `Ether(src='${mac}', dst='${hostMac}')/ARP(op=1, hwsrc='${mac}', psrc=source, pdst='10.244.1.1')`,
  ],
];

/** So many made-up sources. What is learned of them shows long before the table of the kernel, of 1,024, is full. */
const few = 20;

/** A program that makes frames of made-up sources, on the link or in a network of nobody. */
function frames(lesson: (words: Words) => string, family: string, words: Words, count: number): string {
  const source = family === 'IPv6' ? "'fe80::bad:%x' % i" : "'198.18.%d.%d' % (i >> 8 & 255, i & 255)";
  return `frames = []
for i in range(1, ${count} + 1):
    source = ${source}
    frames.append(bytes(${lesson(words)}))
`;
}

for (const [what, family, lesson] of lessons) {
  // ARP is no business of the table: a setting of the host end holds without it.
  for (const isFlushed of family === 'IPv4' ? [false, true] : [false]) {
    const when = isFlushed ? ', also when the table is gone' : '';
    test.serial(`${what} from made-up sources teach the node nothing${when}`, async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const added = await addPod(lab, node);
      if (isFlushed) await node.run('nft', 'flush', 'ruleset');
      const program = frames(lesson, family, wordsOf(added), few);
      await scapy(
        added.pod,
        `${program}socket = conf.L2socket(iface='eth0')\nfor f in frames: socket.outs.send(f)`,
      );
      const made = (await learned(node, added)).filter((dst) => /^fe80::bad|^198\.18\./.test(dst));
      t.deepEqual(made, []);
    });
  }
}

test.serial('a pod discovers as itself, and as nobody else on the link', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const added = await addPod(lab, node, {}, 'pod');
  const other = await addPod(lab, node, {}, 'other');
  const words = wordsOf(added);
  const sources: [string, number][] = [
    [linkLocal(words.mac), 1],
    [words.hostLinkLocal, 0],
    [wordsOf(other).hostLinkLocal, 0],
    [linkLocal(wordsOf(other).mac), 0],
    ['fe80::1', 0],
  ];
  for (const [source, passed] of sources) {
    const count = await watch(node, `icmpv6 type nd-neighbor-solicit ip6 saddr ${source} iifname "vethds*"`);
    await sendFrames(added.pod, solicitation(words).replace('source', `'${source}'`));
    t.like(await count(), { passed }, source);
  }
});

test.serial('neither DAD nor multicast reports of a pod are dropped', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const added = await addPod(lab, node);
  const { mac } = wordsOf(added);
  const own = linkLocal(mac);
  const legitimate = [
    [
      `icmpv6 type nd-neighbor-solicit ip6 saddr ::`,
      `IPv6(src='::', dst='ff02::1:ff00:1', hlim=255)/ICMPv6ND_NS(tgt='${own}')`,
    ],
    [
      `icmpv6 type mld2-listener-report ip6 saddr ::`,
      `IPv6(src='::', dst='ff02::16', hlim=1)/IPv6ExtHdrHopByHop(options=[RouterAlert()])/ICMPv6MLReport2()`,
    ],
    [
      `icmpv6 type mld2-listener-report ip6 saddr ${own}`,
      `IPv6(src='${own}', dst='ff02::16', hlim=1)/IPv6ExtHdrHopByHop(options=[RouterAlert()])/ICMPv6MLReport2()`,
    ],
  ];
  for (const [expression = '', packet = ''] of legitimate) {
    const count = await watch(node, `${expression} iifname "vethds*"`);
    await sendFrames(added.pod, `Ether(src='${mac}', dst='33:33:00:00:00:16')/${packet}`);
    const { sent, passed } = await count();
    t.true(sent > 0, expression);
    t.is(passed, sent, expression);
  }
});

/** Seconds, and no longer, and at most so many packets. */
const flood = { seconds: 30, packets: 200_000, sources: 3000 } as const;

/** The world's further addresses, each a neighbour that the node does not know yet. */
async function moreOfTheWorld(world: Namespace, count: number): Promise<string[]> {
  const hosts = Array.from({ length: count }, (_, index) => index + 20);
  for (const host of hosts) {
    await world.run('ip', 'address', 'add', `192.0.2.${host}/24`, 'dev', 'eth0');
    await world.run('ip', 'address', 'add', `2001:db8::${host}/64`, 'dev', 'eth0', 'nodad');
  }
  return hosts.flatMap((host) => [`192.0.2.${host}`, `2001:db8::${host}`]);
}

async function floods(attacker: AddedPod): Promise<void> {
  const words = wordsOf(attacker);
  const lists = lessons.map(
    ([, family, lesson]) => `${frames(lesson, family, words, flood.sources)}all += frames\n`,
  );
  await scapy(
    attacker.pod,
    `all = []
${lists.join('')}
socket = conf.L2socket(iface='eth0')
end = time.monotonic() + ${flood.seconds}
sent = 0
while time.monotonic() < end and sent < ${flood.packets}:
    for f in all:
        socket.outs.send(f)
    sent += len(all)
    time.sleep(0.4)
`,
  );
}

/** Reaches one after the other until it is told to stop. @returns how many it reached. */
async function reach(
  t: ExecutionContext,
  from: Namespace,
  addresses: readonly string[],
  isOver: () => boolean,
): Promise<number> {
  let reached = 0;
  while (!isOver()) {
    const address = addresses[reached % addresses.length] ?? '';
    await t.notThrowsAsync(ping(from, address), address);
    reached += 1;
  }
  return reached;
}

async function whileFlooded(t: ExecutionContext, lab: Lab): Promise<void> {
  const node = await lab.node();
  const world = await lab.outside(node);
  const addresses = await moreOfTheWorld(world, 40);
  const attacker = await addPod(lab, node, {}, 'attacker');
  const neighbour = await addPod(lab, node, {}, 'neighbour');
  let isOver = false;
  const attack = floods(attacker).finally(() => {
    isOver = true;
  });
  const reached = await reach(t, neighbour.pod, addresses, () => isOver);
  await attack;
  t.true(reached >= 2, `${reached} reached`);
  t.true((await learned(node, attacker)).length <= 1, 'its own link-local address at most');
}

test.serial(
  'for 30 seconds a pod floods with discovery: other pods reach new neighbours of the node',
  async (t) => {
    await using lab = await openLab();
    await whileFlooded(t, lab);
  },
);
