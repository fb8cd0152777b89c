import test from 'ava';
import type { ExecaError } from 'execa';
import { call, podIPs, succeeded } from '../../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../../lab/namespaces.ts';
import { addPod, type Config, configuration } from '../../lab/pods.ts';
import { ping } from '../../lab/probes.ts';
import { watch } from '../../lab/watch.ts';

/** A node and its router, which sends the node's podCIDRs to the node: what the node sends there comes back. */
async function routed(
  lab: Lab,
  podCIDRs: readonly [string, string][] = [['10.244.1.0/24', 'fd00:10:244:1::/64']],
) {
  const node = await lab.node();
  const router = await lab.outside(node);
  await router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  for (const [ipv4, ipv6] of podCIDRs) {
    await router.run('ip', 'route', 'add', ipv4, 'via', '192.0.2.10');
    await router.run('ip', 'route', 'add', ipv6, 'via', '2001:db8::10');
  }
  return { node, router };
}

/** Sends a packet and waits for an answer of whatever kind. @returns what ping says of it. */
async function answer(from: Namespace, to: string): Promise<string> {
  const args = ['-n', '-c', '1', '-W', '2', to];
  return from.run('ping', ...args).catch((error: ExecaError) => `${error.stdout}${error.stderr}`);
}

function word(address: string): string {
  return address.includes(':') ? 'ip6' : 'ip';
}

/** An address of each family that no pod has. */
const nobodys = ['10.244.1.200', 'fd00:10:244:1::c8'];

/** The routes of the node that answer for addresses of nobody, by destination. */
async function unreachable(node: Namespace): Promise<string[]> {
  const routes = await Promise.all(
    ['-4', '-6'].map((family) =>
      node.ask<{ type?: string; dst: string }[]>(family, 'route', 'show', 'type', 'unreachable'),
    ),
  );
  return routes.flat().map(({ dst }) => dst);
}

for (const address of nobodys) {
  test.serial(
    `a packet to ${address}, which no pod has, is answered at once and goes round nowhere`,
    async (t) => {
      await using lab = await openLab();
      const { node, router } = await routed(lab);
      const { pod } = await addPod(lab, node);
      for (const from of [pod, node, router]) {
        const count = await watch(router, `iifname eth0 ${word(address)} daddr ${address}`);
        t.regex(await answer(from, address), /unreachable|No route|100% packet loss/i);
        t.deepEqual(await count(), { sent: 0, passed: 0 });
      }
    },
  );
}

test.serial('the pod that asks is told at once that nobody has the address', async (t) => {
  await using lab = await openLab();
  const { node } = await routed(lab);
  const { pod } = await addPod(lab, node);
  t.regex(await answer(pod, '10.244.1.200'), /Destination Host Unreachable/);
  t.regex(await answer(pod, 'fd00:10:244:1::c8'), /unreachable/i);
});

test.serial('packets to a pod that is gone do not leave the node, and the others go on', async (t) => {
  await using lab = await openLab();
  const { node, router } = await routed(lab);
  const stays = await addPod(lab, node, {}, 'stays');
  const goes = await addPod(lab, node, {}, 'goes');
  const lost = podIPs(goes.result);
  for (const address of lost) await ping(stays.pod, address);
  succeeded(await call(node, 'DEL', goes.config, { netns: goes.pod.path, containerID: 'goes' }));
  for (const address of lost) {
    const count = await watch(router, `iifname eth0 ${word(address)} daddr ${address}`);
    await answer(stays.pod, address);
    t.deepEqual(await count(), { sent: 0, passed: 0 });
  }
  for (const address of podIPs(stays.result)) await t.notThrowsAsync(ping(router, address));
});

test.serial('routes of others for the same prefix stay, and go first', async (t) => {
  await using lab = await openLab();
  const { node } = await routed(lab);
  const foreign = ['10.244.1.0/24 via 192.0.2.1', 'fd00:10:244:1::/64 via 2001:db8::1'];
  for (const route of foreign) await node.run('ip', 'route', 'add', ...route.split(' '));
  await addPod(lab, node, {}, 'one');
  await addPod(lab, node, {}, 'two');
  for (const address of nobodys) {
    const [route] = await node.ask<{ gateway?: string }[]>('route', 'get', address);
    t.truthy(route?.gateway, address);
  }
  t.deepEqual(await unreachable(node), ['10.244.1.0/24', 'fd00:10:244:1::/64']);
});

test.serial('a podCIDR of one address is the pod’s', async (t) => {
  await using lab = await openLab();
  const { node, router } = await routed(lab, [['10.9.9.9/32', 'fd00:9::9/128']]);
  const narrow: Config = { podCIDRs: ['10.9.9.9/32', 'fd00:9::9/128'], gateways: ['169.254.1.1', 'fe80::1'] };
  const { result } = await addPod(lab, node, narrow);
  for (const address of podIPs(result)) await t.notThrowsAsync(ping(router, address));
});

test.serial(
  'GC removes the routes of podCIDRs that the node has no longer, once no pod is in them',
  async (t) => {
    await using lab = await openLab();
    const { node } = await routed(lab);
    const old = await addPod(lab, node, {}, 'old');
    const changed = { podCIDRs: ['10.244.7.0/24', 'fd00:10:244:7::/64'] };
    await addPod(lab, node, changed, 'new');
    const attachments = (...ids: string[]) => ids.map((containerID) => ({ containerID, ifname: 'eth0' }));
    const collect = async (...ids: string[]) => {
      const input = configuration(lab, {
        ...changed,
        cniVersion: '1.1.0',
        'cni.dev/valid-attachments': attachments(...ids),
      });
      succeeded(await call(node, 'GC', input));
      return (await unreachable(node)).toSorted();
    };
    const both = ['10.244.1.0/24', '10.244.7.0/24', 'fd00:10:244:1::/64', 'fd00:10:244:7::/64'];
    t.deepEqual(await collect('old', 'new'), both);
    succeeded(await call(node, 'DEL', old.config, { netns: old.pod.path, containerID: 'old' }));
    t.deepEqual(await collect('new'), ['10.244.7.0/24', 'fd00:10:244:7::/64']);
  },
);
