import test from 'ava';
import { podIPs } from '../../lab/cni.ts';
import { type Namespace, openLab } from '../../lab/namespaces.ts';
import { type AddedPod, addPod } from '../../lab/pods.ts';
import { sendFrames } from '../../lab/scapy.ts';
import { watch } from '../../lab/watch.ts';

/** An error of a pod, as scapy has it: `whom` the packet was for that it is about, and `asker`, who sent that. */
interface Claim {
  readonly added: AddedPod;
  readonly asker: string;
  readonly whom: string;
}

function headers({ result }: AddedPod): string {
  const [host, own] = result.interfaces;
  return `Ether(src='${own?.mac}', dst='${host?.mac}')`;
}

const families = [
  {
    name: 'IPv4',
    index: 0,
    node: '192.0.2.10',
    far: '192.0.2.1',
    word: 'icmp type destination-unreachable',
    tooBig: ({ added, asker, whom }: Claim) =>
      `${headers(added)}/IP(src='${podIPs(added.result)[0]}', dst='${asker}')/ICMP(type=3, code=4, nexthopmtu=600)` +
      `/IPerror(src='${asker}', dst='${whom}', len=1500)/ICMPerror(type=0)`,
  },
  {
    name: 'IPv6',
    index: 1,
    node: '2001:db8::10',
    far: '2001:db8::1',
    word: 'icmpv6 type packet-too-big',
    tooBig: ({ added, asker, whom }: Claim) =>
      `${headers(added)}/IPv6(src='${podIPs(added.result)[1]}', dst='${asker}')/ICMPv6PacketTooBig(mtu=1280)` +
      `/IPerror6(src='${asker}', dst='${whom}', plen=1460)/ICMPv6EchoRequest(data='x' * 64)`,
  },
] as const;

/** What the node thinks of the path to an address, in bytes; undefined when nobody told it otherwise than its link. */
async function pathMtu(node: Namespace, to: string): Promise<number | undefined> {
  const [route] = await node.ask<{ metrics?: { mtu?: number }[] }[]>('route', 'get', to);
  return route?.metrics?.find(({ mtu }) => mtu !== undefined)?.mtu;
}

for (const { name, index, node: address, far, word, tooBig } of families) {
  test.serial(
    `a pod’s ${name} error about a packet that was not for it does not reach the node`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      await lab.outside(node);
      const added = await addPod(lab, node, {}, 'pod');
      const other = await addPod(lab, node, {}, 'other');
      for (const whom of [far, podIPs(other.result)[index] ?? '']) {
        const count = await watch(node, `iifname "vethds*" ${word}`);
        await sendFrames(added.pod, tooBig({ added, asker: address, whom }));
        t.deepEqual(await count(), { sent: 1, passed: 0 });
        t.is(await pathMtu(node, whom), undefined);
      }
    },
  );

  test.serial(`nor does it in ${name} fragments`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await lab.outside(node);
    const added = await addPod(lab, node);
    const whole = tooBig({ added, asker: address, whom: far });
    const pieces = name === 'IPv4' ? `fragment(${whole}, fragsize=24)` : `[${whole}]`;
    await sendFrames(added.pod, name === 'IPv4' ? pieces : fragmented(whole));
    t.is(await pathMtu(node, far), undefined);
  });

  test.serial(
    `a pod’s ${name} error about a packet that was for it does, and lowers the path to it alone`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      await lab.outside(node);
      const added = await addPod(lab, node);
      const own = podIPs(added.result)[index] ?? '';
      await sendFrames(
        added.pod,
        tooBig({ added, asker: own === '' ? '' : gatewayOf(added, index), whom: own }),
      );
      t.is(await pathMtu(node, own), name === 'IPv4' ? 600 : 1280);
    },
  );

  test.serial(
    `a pod that may send from any address reports ${name} errors of packets that it routes`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const added = await addPod(lab, node, { spoofCheck: false });
      const count = await watch(node, `iifname "vethds*" ${word}`);
      await sendFrames(added.pod, tooBig({ added, asker: gatewayOf(added, index), whom: far }));
      t.deepEqual(await count(), { sent: 1, passed: 1 });
    },
  );
}

function gatewayOf({ result }: AddedPod, index: number): string {
  return result.ips[index]?.gateway ?? '';
}

/** IPv6 fragments: scapy wants the fragment header to be there. */
function fragmented(frame: string): string {
  return frame
    .replace('/ICMPv6PacketTooBig', '/IPv6ExtHdrFragment()/ICMPv6PacketTooBig')
    .replace(/^(Ether\(.*?\))\//, '[$1/piece for piece in fragment6(')
    .concat(', 100)]');
}

test.serial('who asks a closed port of a pod is told so, in both families', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const world = await lab.outside(node);
  await world.run('ip', 'route', 'add', '10.244.1.0/24', 'via', '192.0.2.10');
  await world.run('ip', 'route', 'add', 'fd00:10:244:1::/64', 'via', '2001:db8::10');
  const { result } = await addPod(lab, node);
  for (const [index, address] of podIPs(result).entries()) {
    const error = ['icmp type destination-unreachable', 'icmpv6 type destination-unreachable'][index] ?? '';
    const count = await watch(world, error);
    const question = `import socket; s = socket.socket(socket.${index === 0 ? 'AF_INET' : 'AF_INET6'}, socket.SOCK_DGRAM); s.settimeout(2); s.connect(('${address}', 9)); s.send(b'x'); s.recv(1)`;
    await t.throwsAsync(world.run('/usr/bin/python3', '-c', question), { message: /Connection refused/ });
    t.like(await count(), { sent: 1 });
  }
});
