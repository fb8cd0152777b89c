import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed, podIPs } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { type AddedPod, addPod, type Config, configuration, podCIDRs } from '../lab/pods.ts';
import { kernelState, leases, storeTraces } from '../lab/traces.ts';

const orders: [string, Config, string[]][] = [
  ['podCIDRs', {}, ['10.244.1.2', 'fd00:10:244:1::2']],
  ['podCIDRs, the other way round', { podCIDRs: podCIDRs.toReversed() }, ['fd00:10:244:1::2', '10.244.1.2']],
  ['nodeIPs', { nodeIPs: ['2001:db8::10', '192.0.2.10'] }, ['fd00:10:244:1::2', '10.244.1.2']],
  [
    'ipFamilies over nodeIPs',
    { nodeIPs: ['2001:db8::10'], ipFamilies: ['IPv4', 'IPv6'] },
    ['10.244.1.2', 'fd00:10:244:1::2'],
  ],
  ['a single family', { ipFamilies: ['IPv6'] }, ['fd00:10:244:1::2']],
  ['SingleStack', { ipFamilyPolicy: 'SingleStack' }, ['10.244.1.2']],
  [
    'PreferDualStack with one podCIDR',
    { ipFamilyPolicy: 'PreferDualStack', podCIDRs: podCIDRs.slice(1) },
    ['fd00:10:244:1::2'],
  ],
];

for (const [what, more, expected] of orders) {
  test.serial(`the order of ${what} is the order of the podIPs`, async (t) => {
    await using lab = await openLab();
    const { result } = await addPod(lab, await lab.node(), more);
    t.deepEqual(podIPs(result), expected);
  });
}

test.serial(
  'after DEL the kernel and the store are as before, and DEL succeeds again without a namespace',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const before = await kernelState(node);
    const { config, pod } = await addPod(lab, node);
    for (const netns of [pod.path, '', '/run/netns/gone']) {
      t.is((await call(node, 'DEL', config, { netns })).status, 0);
      t.is(await kernelState(node), before);
      t.deepEqual(await storeTraces(join(lab.folder, 'data')), []);
      t.deepEqual(await pod.links(), []);
    }
  },
);

test.serial('DEL needs neither podCIDRs, nor prevResult, nor a configuration that is right', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { config } = await addPod(lab, node);
  const { podCIDRs: _, prevResult: __, ...rest } = config;
  t.is((await call(node, 'DEL', { ...rest, podCIDRs: ['nonsense'], mistyped: true })).status, 0);
  t.deepEqual(await storeTraces(join(lab.folder, 'data')), []);
  t.deepEqual(await node.links(), []);
});

/** What is taken away, how, and how CHECK names it. `host` is the name of the host end. */
const damages: [
  string,
  (place: AddedPod & { node: Namespace; host: string; lab: Lab }) => Promise<unknown>,
  RegExp,
][] = [
  [
    'the interface',
    ({ pod }) => pod.run('ip', 'link', 'set', 'eth0', 'name', 'eth9'),
    /interface eth0 is missing in the pod/,
  ],
  ['the link', ({ node, host }) => node.run('ip', 'link', 'delete', host), /host end of eth0 is missing/],
  [
    'the pod’s link being up',
    ({ pod }) => pod.run('ip', 'link', 'set', 'eth0', 'down'),
    /eth0 is down in the pod/,
  ],
  [
    'an IPv4 address',
    ({ pod }) => pod.run('ip', 'address', 'delete', '10.244.1.2/32', 'dev', 'eth0'),
    /address 10\.244\.1\.2 is missing on eth0/,
  ],
  [
    'an IPv6 address',
    ({ pod }) => pod.run('ip', 'address', 'delete', 'fd00:10:244:1::2/128', 'dev', 'eth0'),
    /address fd00:10:244:1::2 is missing on eth0/,
  ],
  [
    'a default route',
    ({ pod }) => pod.run('ip', '-6', 'route', 'delete', 'default'),
    /route to ::\/0 via fd00:10:244:1::1 is missing/,
  ],
  [
    'the host’s route',
    ({ node }) => node.run('ip', 'route', 'delete', '10.244.1.2'),
    /route to 10\.244\.1\.2\/32 is missing/,
  ],
  [
    'the gateway',
    ({ node, host }) => node.run('ip', 'address', 'delete', 'fd00:10:244:1::1/128', 'dev', host),
    /address fd00:10:244:1::1 is missing/,
  ],
  [
    'a neighbour',
    ({ pod }) => pod.run('ip', 'neighbour', 'delete', '10.244.1.1', 'dev', 'eth0'),
    /permanent neighbour 10\.244\.1\.1 is missing/,
  ],
  [
    'the MAC address',
    ({ pod }) => pod.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99'),
    /MAC address 02:00:00:00:00:99/,
  ],
  [
    'a lease',
    ({ lab }) => rm(join(lab.folder, 'data/pods/fd00:10:244:1::2')),
    /lease of fd00:10:244:1::2 is missing/,
  ],
];

for (const [what, damage, message] of damages) {
  test.serial(`CHECK names what is missing: ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const added = await addPod(lab, node);
    const invocation = { netns: added.pod.path };
    t.deepEqual(await call(node, 'CHECK', added.config, invocation), { status: 0, stdout: '', stderr: '' });
    await damage({ ...added, node, host: added.result.interfaces[0]?.name ?? '', lab });
    t.regex(failed(await call(node, 'CHECK', added.config, invocation)).msg, message);
    t.is((await call(node, 'DEL', added.config, invocation)).status, 0);
    t.deepEqual(await storeTraces(join(lab.folder, 'data')), []);
    t.deepEqual(await node.links(), []);
  });
}

test.serial('a second ADD of the same attachment is an error, and leaves the first alone', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { config, pod, result } = await addPod(lab, node);
  const state = await kernelState(node);
  for (const network of ['pods', 'others']) {
    const again = await call(node, 'ADD', { ...configuration(lab), name: network }, { netns: pod.path });
    t.true(failed(again).code >= 100);
    t.is(await kernelState(node), state);
  }
  t.deepEqual(await leases(join(lab.folder, 'data')), podIPs(result).sort());
  t.deepEqual(await leases(join(lab.folder, 'data'), 'others'), []);
  t.is((await call(node, 'CHECK', config, { netns: pod.path })).status, 0);
});
