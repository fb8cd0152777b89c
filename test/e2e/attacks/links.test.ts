import test from 'ava';
import { podIPs } from '../../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../../lab/namespaces.ts';
import { addPod } from '../../lab/pods.ts';
import { ping } from '../../lab/probes.ts';
import { sendFrames } from '../../lab/scapy.ts';
import { watch } from '../../lab/watch.ts';

/** A namespace with a link of its own to the node, of this name there, as a pod may make it by the peer's namespace ID. */
async function smuggler(lab: Lab, node: Namespace, link: string): Promise<Namespace> {
  const pod = await lab.pod();
  await lab.cable(
    { namespace: node, link, addresses: ['203.0.113.1/24', '2001:db8:113::1/64'] },
    { namespace: pod, link: 'eth0', addresses: ['203.0.113.2/24', '2001:db8:113::2/64'] },
  );
  return pod;
}

async function frameFrom(node: Namespace, link: string, source: string, to: string): Promise<string> {
  const [seen] = await node.ask<{ address: string }[]>('link', 'show', 'dev', link);
  const layer = source.includes(':') ? 'IPv6' : 'IP';
  return `Ether(dst='${seen?.address}')/${layer}(src='${source}', dst='${to}')/UDP(dport=9)`;
}

function word(address: string): string {
  return address.includes(':') ? 'ip6' : 'ip';
}

const links: [string, string, boolean][] = [
  ['a link of a stranger', 'stranger0', true],
  ['a link that is named as a host end', 'vethdsdeadbeef0', true],
  ['the uplink, where a balancer may send a pod its own packets', 'uplink', false],
];

for (const [what, link, isDropped] of links) {
  test.serial(
    `a packet with a pod’s source by ${what} is ${isDropped ? 'dropped' : 'let through'}`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const outside = await lab.outside(node);
      const from = link === 'uplink' ? outside : await smuggler(lab, node, link);
      const victim = await addPod(lab, node, {}, 'victim');
      const target = await addPod(lab, node, {}, 'target');
      for (const [index, source] of podIPs(victim.result).entries()) {
        const to = podIPs(target.result)[index] ?? '';
        const count = await watch(node, `iifname ${link} ${word(source)} saddr ${source}`);
        await sendFrames(from, await frameFrom(node, link, source, to));
        t.deepEqual(await count(), { sent: 1, passed: isDropped ? 0 : 1 });
      }
    },
  );
}

test.serial('other networks of the node, and its own addresses, go on', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const world = await lab.outside(node);
  const bridged = await smuggler(lab, node, 'docker0');
  await bridged.run('ip', 'route', 'add', 'default', 'via', '203.0.113.1');
  await bridged.run('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8:113::1');
  await world.run('ip', 'route', 'add', '10.244.2.0/24', 'via', '192.0.2.10');
  const { pod, result } = await addPod(lab, node);
  const other = await addPod(
    lab,
    node,
    { podCIDRs: ['10.244.9.0/24', 'fd00:9::/64'], name: 'others' },
    'other',
  );
  for (const address of podIPs(result)) {
    await t.notThrowsAsync(ping(bridged, address), 'another network of the node');
    await t.notThrowsAsync(ping(node, address), 'the node');
    await t.notThrowsAsync(ping(other.pod, address), 'a pod of another network of ours');
  }
  for (const address of [
    '203.0.113.2',
    '2001:db8:113::2',
    '192.0.2.1',
    '2001:db8::1',
    '10.244.1.1',
    '192.0.2.10',
  ])
    await t.notThrowsAsync(ping(pod, address), address);
});
