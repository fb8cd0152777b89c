import test from 'ava';
import { call, failed, podIPs } from '../lab/cni.ts';
import { both, look, mirrorIn } from '../lab/mirror.ts';
import { type Namespace, openLab } from '../lab/namespaces.ts';
import { type AddedPod, addPod, type Config } from '../lab/pods.ts';

const nodeIPs = ['192.0.2.10', '2001:db8::10'];
const outside = ['192.0.2.1', '2001:db8::1'];
const table = ['inet', 'dualstack'];

const published: Config = {
  runtimeConfig: {
    portMappings: [
      { hostPort: 8080, containerPort: 80 },
      { hostPort: 8080, containerPort: 80, protocol: 'udp' },
    ],
  },
};

function rules(node: Namespace): Promise<string> {
  return node.run('nft', '--terse', '--handle', 'list', 'table', ...table);
}

function check(node: Namespace, { config, pod, containerID }: AddedPod) {
  return call(node, 'CHECK', config, { netns: pod.path, containerID });
}

/** What somebody does to the table, and how CHECK names it. */
const damages: [string, string[], RegExp][] = [
  ['flush the ruleset', ['flush', 'ruleset'], /nftables table inet dualstack is missing/],
  ['delete the table', ['delete', 'table', ...table], /nftables table inet dualstack is missing/],
  [
    'flush a chain',
    ['flush', 'chain', ...table, 'host_ports'],
    /chain host_ports is altered in nftables table inet dualstack/,
  ],
  [
    'flush all rules',
    ['flush', 'table', ...table],
    /chain guard is altered .*chain from_pods is altered .*chain to_outside is altered .*chain egress_\w+ is altered/,
  ],
  [
    'add a rule',
    ['add', 'rule', ...table, 'from_pods', 'accept'],
    /chain from_pods is altered in nftables table inet dualstack/,
  ],
  [
    'insert a rule before masquerading',
    ['insert', 'rule', ...table, 'to_pods', 'ip', 'saddr', '10.244.0.0/16', 'return'],
    /chain to_pods is altered/,
  ],
];

for (const [what, command, message] of damages) {
  test.serial(`CHECK names it, and running pods have their ports again: ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const world = await lab.outside(node);
    const running = await addPod(lab, node, published, 'running');
    const right = await node.run('nft', '--terse', 'list', 'table', ...table);
    t.deepEqual(await check(node, running), { status: 0, stdout: '', stderr: '' });
    await node.run('nft', ...command);
    const error = failed(await check(node, running));
    t.is(error.code, 103);
    t.regex(error.msg, message);
    const next = await addPod(lab, node, {}, 'next');
    t.is(await node.run('nft', '--terse', 'list', 'table', ...table), right);
    for (const added of [running, next]) t.is((await check(node, added)).status, 0);
    await using _ = await mirrorIn(running.pod, 80);
    t.deepEqual(await look(world, nodeIPs, 8080), both(outside));
  });
}

const elements: [string, string, RegExp][] = [
  ['guarded', '"LINK"', /source check of LINK is missing in nftables table/],
  ['link_sources', '"LINK" . MAC . ::', /permission of LINK to discover neighbours from :: is missing/],
  ['blamed_ipv4', '"LINK" . 0xaf40102', /permission of LINK to report errors of packets to 10.244.1.2 is/],
  [
    'sources_ipv6',
    '"LINK" . MAC . fd00:10:244:1::2',
    /permission of LINK to send from fd00:10:244:1::2 is missing/,
  ],
  ['ports_ipv4', 'tcp . 8080', /host port \*:8080\/tcp to 10\.244\.1\.2 is missing/],
  ['hairpins', '"LINK" . "LINK"', /way of LINK to its own host ports is missing/],
];

test.serial('CHECK names each element that is missing, and brings it back', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const added = await addPod(lab, node, published);
  await addPod(lab, node, {}, 'beside');
  const [host, pod] = added.result.interfaces;
  const filled = (text: string) =>
    text.replaceAll('LINK', host?.name ?? '').replaceAll('MAC', pod?.mac ?? '');
  for (const [set, key, message] of elements) {
    const element = [...table, set, '{', filled(key), '}'];
    await node.run('nft', 'delete', 'element', ...element);
    t.regex(failed(await check(node, added)).msg, new RegExp(filled(message.source)));
    await addPod(lab, node, {}, `after-${set}`);
    t.is((await check(node, added)).status, 0, set);
  }
});

test.serial('a host port that leads to somebody else is named, and set right', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const added = await addPod(lab, node, published);
  await node.run('nft', 'delete', 'element', ...table, 'ports_ipv4', '{ tcp . 8080 }');
  await node.run('nft', 'add', 'element', ...table, 'ports_ipv4', '{ tcp . 8080 : 10.244.1.99 . 80 }');
  t.regex(failed(await check(node, added)).msg, /host port \*:8080\/tcp to 10\.244\.1\.2 is missing/);
  await addPod(lab, node, {}, 'next');
  t.is((await check(node, added)).status, 0);
});

test.serial('an ADD that meets a lost table takes no host port from a pod that is running', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const running = await addPod(lab, node, published, 'running');
  await node.run('nft', 'flush', 'ruleset');
  const second = await call(node, 'ADD', running.config, { netns: pod.path, containerID: 'second' });
  t.regex(
    failed(second).msg,
    /host port \*:8080\/tcp is in use by 10\.244\.1\.2 of eth0 of container running/,
  );
  await addPod(lab, node, {}, 'third');
  t.is((await check(node, running)).status, 0);
});

test.serial('the table is left alone when it is as it should be: no rule is written again', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await addPod(lab, node, published, 'first');
  const before = await rules(node);
  const { config } = await addPod(lab, node, {}, 'second');
  await addPod(lab, node, {}, 'third');
  t.is((await call(node, 'DEL', config, { containerID: 'second' })).status, 0);
  t.is(await rules(node), before);
});

test.serial(
  'a changed configuration is for new pods: each goes out by the chain of its own, until nobody does',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const chains = async () => (await rules(node)).match(/(?<=chain )egress_\w+(?= \{)/g) ?? [];
    const one = await addPod(lab, node, { cniVersion: '1.1.0' }, 'one');
    const [first] = await chains();
    const two = await addPod(lab, node, { nonMasqueradeCIDRs: ['10.0.0.0/8'] }, 'two');
    t.is((await chains()).length, 2);
    const three = await addPod(lab, node, { ipMasq: false }, 'three');
    for (const added of [one, two, three]) t.is((await check(node, added)).status, 0);
    t.is((await call(node, 'DEL', two.config, { containerID: 'two' })).status, 0);
    const valid = ['one', 'three'].map((containerID) => ({ containerID, ifname: 'eth0' }));
    const gc = { ...one.config, 'cni.dev/valid-attachments': valid };
    t.is((await call(node, 'GC', gc, { containerID: '', ifname: '' })).status, 0);
    t.deepEqual(await chains(), [first]);
    for (const added of [one, three]) t.is((await check(node, added)).status, 0);
  },
);

test.serial(
  'a table of ours that is otherwise is made anew, with the chains of other networks and all elements',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const world = await lab.outside(node);
    const others = { name: 'others', podCIDRs: ['10.7.0.0/24', 'fd07::/64'] };
    const other = await addPod(lab, node, { ...others, ...published }, 'other');
    await addPod(lab, node, {}, 'one');
    const right = await node.run('nft', '--terse', 'list', 'table', ...table);
    await node.run('nft', 'delete', 'chain', ...table, 'guard');
    await node.run('nft', 'flush', 'chain', ...table, 'from_pods');
    await node.run('nft', 'flush', 'chain', ...table, 'check_source');
    await node.run('nft', 'delete', 'set', ...table, 'link_sources');
    await node.run('nft', 'add', 'set', ...table, 'link_sources', '{ type ipv4_addr; }');
    const next = await addPod(lab, node, {}, 'next');
    const blocks = (text: string) => text.split(/\n\n|\n\}$/).sort();
    const now = await node.run('nft', '--terse', 'list', 'table', ...table);
    t.deepEqual(blocks(now.replace(/^table.*\n/, '')), blocks(right.replace(/^table.*\n/, '')));
    for (const added of [other, next]) t.is((await check(node, added)).status, 0);
    await using _ = await mirrorIn(other.pod, 80);
    t.deepEqual(await look(world, nodeIPs, 8080), both(outside));
    t.deepEqual(podIPs(other.result), ['10.7.0.2', 'fd07::2']);
  },
);

test.serial('DEL and GC succeed without a table, and with one that lacks a set', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  for (const command of [
    ['flush', 'ruleset'],
    ['delete', 'set', ...table, 'link_sources'],
  ]) {
    const added = await addPod(lab, node, { ...published, cniVersion: '1.1.0' }, 'one');
    await addPod(lab, node, { cniVersion: '1.1.0' }, 'two');
    if (command[0] === 'delete') await node.run('nft', 'flush', 'table', ...table);
    await node.run('nft', ...command);
    t.is((await call(node, 'DEL', added.config, { containerID: 'one' })).status, 0);
    const nothing = { ...added.config, 'cni.dev/valid-attachments': [] };
    t.is((await call(node, 'GC', nothing, { containerID: '', ifname: '' })).status, 0);
    t.deepEqual(await node.links(), []);
    t.notRegex(await node.run('nft', 'list', 'ruleset'), /elements/);
  }
});
