import { join } from 'node:path';
import test from 'ava';
import { call, debianPlugins, executable, type Invocation, podIPs, succeeded } from '../lab/cni.ts';
import { type Lab, openLab } from '../lab/namespaces.ts';
import { addPod, configuration, dataDirOf, podCIDRs } from '../lab/pods.ts';
import { ping } from '../lab/probes.ts';
import { leases, storeTraces } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

test.serial(
  'changed podCIDRs are for new pods; those that are there keep their addresses, and go on working',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const old = await addPod(lab, node, {}, 'old');
    const changed = { podCIDRs: ['10.99.0.0/24', 'fd99::/64'] };
    const young = await addPod(lab, node, changed, 'young');
    t.deepEqual(podIPs(young.result), ['10.99.0.2', 'fd99::2']);
    for (const ip of podIPs(old.result)) await t.notThrowsAsync(ping(young.pod, ip));
    const invocation = { netns: old.pod.path, containerID: 'old' };
    const config = { ...configuration(lab, changed), prevResult: old.result };
    t.is((await call(node, 'CHECK', config, invocation)).status, 0);
    t.is((await call(node, 'DEL', config, invocation)).status, 0);
    t.deepEqual(await leases(dataDirOf(lab)), podIPs(young.result).sort());
  },
);

test.serial(
  'podCIDRs that have changed back go on where they were, and what is leased in them stays so',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await addPod(lab, node, {}, 'first');
    await addPod(lab, node, { podCIDRs: ['10.99.0.0/24', 'fd99::/64'] }, 'elsewhere');
    const { result } = await addPod(lab, node, {}, 'second');
    t.deepEqual(podIPs(result), ['10.244.1.3', 'fd00:10:244:1::3']);
  },
);

/** What a node had before us: the same network, by ptp over host-local. */
function before(lab: Lab): object {
  const ranges = podCIDRs.map((subnet) => [{ subnet }]);
  const ipam = { type: 'host-local', dataDir: dataDirOf(lab), ranges };
  return { cniVersion: '1.0.0', name: 'pods', type: 'ptp', ipam };
}

test.serial('ptp’s pods go on working beside ours, and DEL by ours gives their addresses back', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await using podLab = await openLab();
  const pod = await podLab.pod();
  const invocation: Invocation = { netns: pod.path, containerID: 'old' };
  const ptp = { ...invocation, executable: join(debianPlugins, 'ptp') };
  const old = succeeded(await call(node, 'ADD', before(lab), ptp));

  const young = await addPod(lab, node, {}, 'young');
  t.deepEqual(podIPs(young.result), ['10.244.1.3', 'fd00:10:244:1::3']);
  // Of ptp's own addresses some are tentative for a while after its ADD.
  for (const ip of podIPs(old)) await t.notThrowsAsync(until(`ping ${ip}`, () => ping(young.pod, ip)));
  for (const ip of podIPs(young.result)) await t.notThrowsAsync(ping(pod, ip));

  t.is((await call(node, 'DEL', configuration(lab), { ...invocation, executable })).status, 0);
  await podLab[Symbol.asyncDispose]();
  await until('the end of ptp’s pod', async () => {
    if ((await node.links()).length > 1) throw new Error('its link is there yet');
  });
  t.is((await call(node, 'DEL', young.config, { containerID: 'young' })).status, 0);
  t.deepEqual(await storeTraces(dataDirOf(lab)), ['pods/lock']);
  t.deepEqual(await node.links(), []);
});
