import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed, podIPs } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { type AddedPod, addPod, type Config, configuration, dataDirOf } from '../lab/pods.ts';
import { leases, storeTraces } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

const newest = { cniVersion: '1.1.0' };

function attachments(...pods: AddedPod[]): { containerID: string; ifname: string }[] {
  return pods.map(({ containerID }) => ({ containerID, ifname: 'eth0' }));
}

function gc(lab: Lab, node: Namespace, lists: Config) {
  return call(node, 'GC', { ...configuration(lab, newest), ...lists }, { containerID: '', ifname: '' });
}

async function twoPods(lab: Lab, node: Namespace): Promise<[AddedPod, AddedPod]> {
  return [await addPod(lab, node, newest, 'kept'), await addPod(lab, node, newest, 'stale')];
}

for (const key of ['cni.dev/valid-attachments', 'cni.dev/attachments']) {
  test.serial(`GC removes what ${key} does not list, and nothing else`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const [kept, stale] = await twoPods(lab, node);
    t.deepEqual(await gc(lab, node, { [key]: attachments(kept) }), { status: 0, stdout: '', stderr: '' });
    t.deepEqual(await leases(dataDirOf(lab)), podIPs(kept.result).sort());
    t.deepEqual(await node.links(), [kept.result.interfaces[0]?.name]);
    t.deepEqual(await stale.pod.links(), []);
    t.is((await call(node, 'CHECK', kept.config, { netns: kept.pod.path, containerID: 'kept' })).status, 0);
  });
}

test.serial('GC with an empty list removes everything of its network, and nothing of another', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await twoPods(lab, node);
  const other = await addPod(
    lab,
    node,
    { name: 'others', podCIDRs: ['10.245.0.0/24', 'fd01::/64'] },
    'other',
  );
  t.is((await gc(lab, node, { 'cni.dev/valid-attachments': [] })).status, 0);
  t.deepEqual(await leases(dataDirOf(lab)), []);
  t.deepEqual(await leases(dataDirOf(lab), 'others'), podIPs(other.result).sort());
  t.deepEqual(await node.links(), [other.result.interfaces[0]?.name]);
});

for (const [what, lists] of [
  ['an absent', {}],
  ['a null', { 'cni.dev/valid-attachments': null }],
] as const) {
  test.serial(`GC with ${what} list removes the provably dead alone`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const kept = await addPod(lab, node, newest, 'kept');
    {
      await using doomed = await openLab();
      const pod = await doomed.pod();
      t.is((await call(node, 'ADD', kept.config, { netns: pod.path, containerID: 'dead' })).status, 0);
    }
    await until('the end of the namespace', async () => {
      if ((await node.links()).length > 1) throw new Error('its link is there');
    });
    t.is((await leases(dataDirOf(lab))).length, 4);
    t.is((await gc(lab, node, lists)).status, 0);
    t.deepEqual(await leases(dataDirOf(lab)), podIPs(kept.result).sort());
  });
}

test.serial('GC finds links whose store is lost, by the gateway that they carry', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const [kept] = await twoPods(lab, node);
  await rm(dataDirOf(lab), { recursive: true });
  t.is((await gc(lab, node, { 'cni.dev/valid-attachments': attachments(kept) })).status, 0);
  t.deepEqual(await node.links(), [kept.result.interfaces[0]?.name]);
});

/** All elements of the table, set by set. */
async function elementsOf(node: Namespace): Promise<string[]> {
  const listing = await node.run('nft', 'list', 'table', 'inet', 'dualstack');
  return listing.match(/elements = \{[^}]*\}/g) ?? [];
}

test.serial(
  'GC finds elements whose store is lost, by links and routes that are gone, and leaves those of others',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const publish = (hostPort: number) => ({
      ...newest,
      spoofCheck: hostPort % 2 === 0,
      runtimeConfig: { portMappings: [{ hostPort, containerPort: 80 }] },
    });
    const valid = await addPod(lab, node, publish(8080), 'valid');
    const before = await elementsOf(node);
    await addPod(lab, node, publish(8081), 'lost');
    await addPod(lab, node, publish(8082), 'lost-too');
    await rm(dataDirOf(lab), { recursive: true });
    const other = { ...publish(8084), name: 'others', podCIDRs: ['10.9.1.0/24', 'fd00:9:1::/64'] };
    const kept = await addPod(lab, node, other, 'known');
    t.is((await gc(lab, node, { 'cni.dev/valid-attachments': attachments(valid) })).status, 0);
    t.is((await call(node, 'CHECK', kept.config, { containerID: 'known', netns: kept.pod.path })).status, 0);
    t.is((await call(node, 'DEL', kept.config, { containerID: 'known' })).status, 0);
    t.deepEqual(await elementsOf(node), before);
  },
);

test.serial('GC clears what is no lease out of the store', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const kept = await addPod(lab, node, newest, 'kept');
  const network = join(dataDirOf(lab), 'pods');
  await writeFile(join(network, '10.244.1.99'), '');
  await writeFile(join(network, '10.244.1.98'), '\0\0');
  await writeFile(join(network, '10.244.1.97'), 'host-locals\r\neth0');
  t.is((await gc(lab, node, { 'cni.dev/valid-attachments': attachments(kept) })).status, 0);
  t.deepEqual(await leases(dataDirOf(lab)), podIPs(kept.result).sort());
});

test.serial('GC goes on past an error, and reports it', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await twoPods(lab, node);
  const without = { ...configuration(lab, newest), 'cni.dev/valid-attachments': [] };
  const error = failed(await call(node, 'GC', without, { env: { PATH: lab.folder } }));
  t.regex(error.msg, /^GC left 4 things undone: .*container kept.*container stale/s);
  t.is((await leases(dataDirOf(lab))).length, 4);
});

test.serial('GC refuses a list that is none, and removes nothing', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await twoPods(lab, node);
  t.is(failed(await gc(lab, node, { 'cni.dev/valid-attachments': [{ containerID: 'kept' }] })).code, 7);
  t.is((await leases(dataDirOf(lab))).length, 4);
  t.true((await storeTraces(dataDirOf(lab))).length > 4);
  t.true((await readdir(dataDirOf(lab))).includes('pods'));
});
