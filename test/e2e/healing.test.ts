import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { candidateNames } from '../../netns/link/naming.ts';
import { call, debianPlugins, failed, type Invocation, type Outcome, podIPs, succeeded } from '../lab/cni.ts';
import { mountDisk } from '../lab/disk.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, type Config, configuration, dataDirOf } from '../lab/pods.ts';
import { kernelState, leases, storeTraces } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

/** Five pods fill it. */
const small = { podCIDRs: ['10.244.1.0/29', 'fd00:10:244:1::/64'] };
const capacity = 5;

function containers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `pod-${index}`);
}

/** Fills the pool with pods that live as long as `pods` does. */
async function fill(lab: Lab, node: Namespace, pods: Lab): Promise<void> {
  for (const containerID of containers(capacity)) {
    const { path } = await pods.pod();
    succeeded(await call(node, 'ADD', configuration(lab, small), { netns: path, containerID }));
  }
}

async function addNewcomer(lab: Lab, node: Namespace, invocation: Invocation = {}): Promise<Outcome> {
  const { path } = await lab.pod();
  return call(node, 'ADD', configuration(lab, small), {
    netns: path,
    containerID: 'newcomer',
    ...invocation,
  });
}

test.serial(
  'an ADD that finds the pool exhausted removes a pod that is gone, and has its addresses',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    {
      await using doomed = await openLab();
      await fill(lab, node, doomed);
      const error = failed(await addNewcomer(lab, node));
      t.is(error.code, 100);
      t.regex(error.msg, /no IPv4 address is left in 10\.244\.1\.0\/29 \(5 addresses\)/);
      t.regex(error.details ?? '', /all 5 are leased/);
      t.is((await leases(dataDirOf(lab))).length, 2 * capacity);
    }
    await until('the end of the pods', async () => {
      if ((await node.links()).length > 0) throw new Error('there are links yet');
    });
    const result = succeeded(await addNewcomer(lab, node));
    const held = await leases(dataDirOf(lab));
    t.is(held.length, 2 * capacity);
    for (const ip of podIPs(result)) t.true(held.includes(ip));
  },
);

/** Starts the plugin on the node as if the machine had booted anew: with another name for the boot. */
async function afterReboot(lab: Lab): Promise<Invocation> {
  const bootID = join(lab.folder, 'boot_id');
  await writeFile(bootID, '11111111-2222-3333-4444-555555555555\n');
  // `ip netns exec` gives it mounts of its own, so this one is seen by nobody else and ends with it.
  const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
  return { under: ['sh', '-c', script, bootID] };
}

test.serial('leases end with the boot, also those on a disk: a full pool is empty after it', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await fill(lab, node, lab);
  for (const link of await node.links()) await node.run('ip', 'link', 'delete', link);
  t.is(
    failed(await addNewcomer(lab, node)).code,
    100,
    'within the boot, a namespace that is there keeps a lease',
  );
  const result = succeeded(await addNewcomer(lab, node, await afterReboot(lab)));
  t.deepEqual(await leases(dataDirOf(lab)), podIPs(result).sort());
  t.is(
    (
      await call(node, 'DEL', configuration(lab, small), {
        containerID: 'newcomer',
        ...(await afterReboot(lab)),
      })
    ).status,
    0,
  );
  t.deepEqual(await storeTraces(dataDirOf(lab)), []);
});

/** What a crash or a person may leave in the store, for each address of the pool. */
const rubbish: [string, (path: string) => Promise<unknown>][] = [
  ['empty', (path) => writeFile(path, '')],
  ['torn', (path) => writeFile(path, '\0\0\0\0')],
  ['foreign', (path) => writeFile(path, 'nobody knows\nwhat this is\n')],
  ['a folder', (path) => mkdir(path)],
];

for (const [what, leave] of rubbish) {
  test.serial(`files in the store that are ${what} block neither ADD nor DEL`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const network = join(dataDirOf(lab), 'pods');
    await mkdir(network, { recursive: true });
    for (const host of ['2', '3', '4', '5', '6']) await leave(join(network, `10.244.1.${host}`));
    for (const name of ['fd00:10:244:1::2', 'last_reserved_ip.0', 'lock', 'README', 'pods']) {
      await leave(join(network, name));
    }
    const { result, config, pod } = await addPod(lab, node, small);
    t.is((await call(node, 'CHECK', config, { netns: pod.path })).status, 0);
    t.is((await call(node, 'DEL', config)).status, 0);
    t.deepEqual(await node.links(), []);
    for (const ip of podIPs(result)) t.false((await leases(dataDirOf(lab))).includes(ip));
  });
}

test.serial('an entry of the index that is torn blocks neither ADD nor DEL', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { config, pod } = await addPod(lab, node);
  const [entry = ''] = await storeTraces(join(dataDirOf(lab), '.dualstack'));
  const path = join(dataDirOf(lab), '.dualstack', entry);
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, 9));
  t.is((await call(node, 'CHECK', config, { netns: pod.path })).status, 0);
  t.is((await call(node, 'DEL', config)).status, 0);
  t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  await writeFile(path, '{"cont');
  t.is((await call(node, 'ADD', configuration(lab), { netns: pod.path })).status, 0);
  t.is((await call(node, 'DEL', config)).status, 0);
  t.deepEqual(await storeTraces(dataDirOf(lab)), []);
});

test.serial('a link of another that has the name of a host end costs a pod nothing, and stays', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const [first, second, third] = candidateNames({ containerID: 'container-1', ifname: 'eth0' });
  for (const names of [first, second])
    await node.run('ip', 'link', 'add', names?.hostEnd ?? '', 'type', 'bridge');
  const foreign = await node.links();
  const { result, config, pod } = await addPod(lab, node);
  t.is(result.interfaces[0]?.name, third?.hostEnd);
  t.is((await call(node, 'CHECK', config, { netns: pod.path })).status, 0);
  t.is((await call(node, 'DEL', config)).status, 0);
  t.deepEqual(await node.links(), foreign);

  await node.run('ip', 'link', 'add', third?.hostEnd ?? '', 'type', 'bridge');
  t.regex(
    failed(await call(node, 'ADD', config, { netns: pod.path })).msg,
    /other links have all the names that it could use/,
  );
  t.deepEqual(await node.links(), [...foreign, third?.hostEnd ?? '']);
  t.deepEqual(await storeTraces(dataDirOf(lab)), []);
});

/** The same pools, as host-local has them. */
function hostLocal(lab: Lab): Config {
  const ranges = [[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd00:10:244:1::/64' }]];
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    type: 'x',
    ipam: { type: 'host-local', dataDir: dataDirOf(lab), ranges },
  };
}

function callHostLocal(
  lab: Lab,
  node: Namespace,
  verb: 'ADD' | 'DEL',
  containerID: string,
): Promise<Outcome> {
  const invocation = {
    netns: '/run/netns/unused',
    containerID,
    executable: join(debianPlugins, 'host-local'),
  };
  return call(node, verb, hostLocal(lab), invocation);
}

test.serial('a store of host-local’s is taken over with its leases, and DEL gives them back', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const old = [
    succeeded(await callHostLocal(lab, node, 'ADD', 'old-1')),
    succeeded(await callHostLocal(lab, node, 'ADD', 'old-2')),
  ];
  const { result } = await addPod(lab, node, {}, 'new');
  t.deepEqual(podIPs(result), ['10.244.1.4', 'fd00:10:244:1::4']);
  t.deepEqual(
    await leases(dataDirOf(lab)).then((names) => names.filter((name) => name !== 'lock')),
    [...old, result].flatMap(podIPs).sort(),
  );
  t.is((await call(node, 'DEL', configuration(lab), { containerID: 'old-1' })).status, 0);
  t.is((await callHostLocal(lab, node, 'DEL', 'old-2')).status, 0);
  t.deepEqual(
    await leases(dataDirOf(lab)).then((names) => names.filter((name) => name !== 'lock')),
    podIPs(result).sort(),
  );
});

test.serial('leases of host-local’s that were taken over end with the boot, as all do', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await callHostLocal(lab, node, 'ADD', 'old');
  await addPod(lab, node, {}, 'new');
  const result = succeeded(await addNewcomer(lab, node, await afterReboot(lab)));
  t.deepEqual(
    await leases(dataDirOf(lab)).then((names) => names.filter((name) => name !== 'lock')),
    podIPs(result).sort(),
  );
});

test.serial(
  'host-local at work in the same store never gets an address that we give, nor we one of its',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const ours = containers(25).map(async (containerID) => (await addPod(lab, node, {}, containerID)).result);
    const theirs = containers(25).map(async (id) =>
      succeeded(await callHostLocal(lab, node, 'ADD', `theirs-${id}`)),
    );
    const given = (await Promise.all([...ours, ...theirs])).flatMap(podIPs);
    t.is(given.length, 100);
    t.is(new Set(given).size, 100);
    t.is((await leases(dataDirOf(lab))).filter((name) => name !== 'lock').length, 100);
  },
);

test.serial('the store is readable by root alone', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await addPod(lab, node);
  const entries = await readdir(dataDirOf(lab), { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    t.is(mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, entry.name);
  }
  t.is((await stat(dataDirOf(lab))).mode & 0o777, 0o700);
  await rm(dataDirOf(lab), { recursive: true });
});

for (const [what, options] of [
  ['room', 'size=256k'],
  ['inodes', 'nr_inodes=64'],
] as const) {
  test.serial(`on a disk without ${what} an ADD fails and leaves nothing, and DEL releases`, async (t) => {
    await using lab = await openLab();
    await using disk = await mountDisk(dataDirOf(lab), options);
    const node = await lab.node();
    const first = await addPod(lab, node, {}, 'first');
    await disk.fill();
    const before = [await kernelState(node), await storeTraces(dataDirOf(lab))];
    const { path } = await lab.pod();
    const error = failed(await call(node, 'ADD', configuration(lab), { netns: path, containerID: 'second' }));
    t.is(error.code, 5);
    t.regex(error.msg, /write the lease store .*ENOSPC/);
    t.deepEqual([await kernelState(node), await storeTraces(dataDirOf(lab))], before);
    t.is((await call(node, 'DEL', first.config, { containerID: 'second' })).status, 0);
    t.is((await call(node, 'DEL', first.config, { containerID: 'first' })).status, 0);
    t.deepEqual(await node.links(), []);
    t.deepEqual(
      (await storeTraces(dataDirOf(lab))).filter((name) => !name.startsWith('filler')),
      [],
    );
  });
}

test.serial(
  'on a disk that is read-only a DEL removes the link, and says what it could not release',
  async (t) => {
    await using lab = await openLab();
    await using _ = await mountDisk(dataDirOf(lab), 'size=1m');
    const node = await lab.node();
    const { config } = await addPod(lab, node);
    await execa('mount', ['-o', 'remount,ro', dataDirOf(lab)]);
    const error = failed(await call(node, 'DEL', config));
    t.is(error.code, 5);
    t.regex(error.msg, /release the lease store .*(?:EROFS|Read-only file system)/);
    t.deepEqual(await node.links(), []);
    await execa('mount', ['-o', 'remount,rw', dataDirOf(lab)]);
    t.is((await call(node, 'DEL', config)).status, 0);
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  },
);
