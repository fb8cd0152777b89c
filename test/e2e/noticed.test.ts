import { deepEqual } from 'node:assert/strict';
import { join } from 'node:path';
import test from 'ava';
import { call, type Outcome } from '../lab/cni.ts';
import { both, look, mirrorIn } from '../lab/mirror.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { type AddedPod, addPod, type Config, configuration } from '../lab/pods.ts';
import { until } from '../lab/until.ts';

const nodeIPs = ['192.0.2.10', '2001:db8::10'];
const outside = ['192.0.2.1', '2001:db8::1'];
const table = ['inet', 'dualstack'];
const ready: Outcome = { status: 0, stdout: '', stderr: '' };

const published: Config = {
  cniVersion: '1.1.0',
  runtimeConfig: {
    portMappings: ['tcp', 'udp'].map((protocol) => ({ hostPort: 8080, containerPort: 80, protocol })),
  },
};
const elsewhere = (lab: Lab): Config => ({
  cniVersion: '1.1.0',
  name: 'others',
  dataDir: join(lab.folder, 'elsewhere'),
  podCIDRs: ['10.7.0.0/24', 'fd07::/64'],
});

function status(lab: Lab, node: Namespace): Promise<Outcome> {
  const config = configuration(lab, { cniVersion: '1.1.0' });
  return call(node, 'STATUS', config, { containerID: '', ifname: '' });
}

function shown(node: Namespace): Promise<string> {
  return node.run('nft', 'list', 'table', ...table);
}

/** Each block by itself: where in the table one stands says nothing. */
function blocks(text: string): string[] {
  return text
    .replace(/^table.*\n/, '')
    .split(/\n\n|\n\}$/)
    .sort();
}

/** What somebody does to the table. */
const damages: [string, (rules: string) => string[][]][] = [
  ['flushes the ruleset', () => [['flush', 'ruleset']]],
  ['deletes the table', () => [['delete', 'table', ...table]]],
  ['flushes all chains', () => [['flush', 'table', ...table]]],
  ...[
    'guard',
    'from_pods',
    'check_source',
    'from_outside',
    'from_node',
    'host_ports',
    'to_pods',
    'to_outside',
  ].map((chain): [string, () => string[][]] => [
    `flushes chain ${chain}`,
    () => [['flush', 'chain', ...table, chain]],
  ]),
  [
    'flushes a chain that masquerades',
    (rules) => [['flush', 'chain', ...table, /chain (egress_\w+) \{/.exec(rules)?.[1] ?? '']],
  ],
  ['deletes chain guard', () => [['delete', 'chain', ...table, 'guard']]],
  ['inserts a rule', () => [['insert', 'rule', ...table, 'from_pods', 'accept']]],
  [
    'deletes a set',
    () => [
      ['flush', 'chain', ...table, 'check_source'],
      ['delete', 'set', ...table, 'link_sources'],
    ],
  ],
  [
    'deletes the chain that names the plan',
    (rules) => [['delete', 'chain', ...table, /chain (plan_\w+) \{/.exec(rules)?.[1] ?? '']],
  ],
];

test.serial('STATUS notices what somebody does to the table, and has it whole again', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const world = await lab.outside(node);
  const one = await addPod(lab, node, published, 'one');
  const other = await addPod(lab, node, elsewhere(lab), 'other');
  await using _ = await mirrorIn(one.pod, 80);
  await using far = await mirrorIn(world);
  const right = await shown(node);
  t.deepEqual(await status(lab, node), ready);
  for (const [what, commands] of damages) {
    for (const command of commands(right)) await node.run('nft', ...command);
    const { status: code, stderr } = await status(lab, node);
    t.is(code, 0, what);
    t.regex(stderr, /the firewall was damaged, and is mended: /, what);
    t.deepEqual(blocks(await shown(node)), blocks(right), what);
    t.deepEqual(await status(lab, node), ready, what);
  }
  await until('host ports and masquerade', async () => {
    deepEqual(await look(world, nodeIPs, 8080), both(outside));
    for (const { pod } of [one, other]) deepEqual(await look(pod, outside, far.port), both(nodeIPs));
  });
  t.pass();
});

/** The other verbs, about a pod that the table has nothing to do with. */
const verbs: [string, (lab: Lab, node: Namespace, beside: AddedPod) => Promise<Outcome>][] = [
  [
    'ADD',
    async (lab, node) => {
      await addPod(lab, node, { cniVersion: '1.1.0' }, 'late');
      return ready;
    },
  ],
  ['DEL', (_, node, { config }) => call(node, 'DEL', config, { containerID: 'beside' })],
  [
    'GC',
    (_, node, { config }) => {
      const valid = ['one', 'beside'].map((containerID) => ({ containerID, ifname: 'eth0' }));
      return call(
        node,
        'GC',
        { ...config, 'cni.dev/valid-attachments': valid },
        { containerID: '', ifname: '' },
      );
    },
  ],
];

for (const [verb, carryOut] of verbs) {
  test.serial(`${verb} of another pod brings back what a flushed ruleset took from the others`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const world = await lab.outside(node);
    const one = await addPod(lab, node, published, 'one');
    const beside = await addPod(lab, node, { cniVersion: '1.1.0' }, 'beside');
    await node.run('nft', 'flush', 'ruleset');
    t.is((await carryOut(lab, node, beside)).status, 0);
    const check = await call(node, 'CHECK', one.config, { netns: one.pod.path, containerID: 'one' });
    t.deepEqual(check, ready);
    await using _ = await mirrorIn(one.pod, 80);
    await until('the host port to answer', async () =>
      deepEqual(await look(world, nodeIPs, 8080), both(outside)),
    );
  });
}

test.serial('CHECK names what is missing once, for it is mended then', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const one = await addPod(lab, node, published, 'one');
  const other = await addPod(lab, node, elsewhere(lab), 'other');
  await node.run('nft', 'delete', 'table', ...table);
  const check = ({ config, pod, containerID }: AddedPod) =>
    call(node, 'CHECK', config, { netns: pod.path, containerID });
  t.regex((await check(one)).stdout, /nftables table inet dualstack is missing/);
  for (const pod of [one, other]) t.deepEqual(await check(pod), ready);
});

test.serial('twelve STATUS at once over a flushed ruleset all succeed, beside ADDs and DELs', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const config = { cniVersion: '1.1.0' };
  const stays = await addPod(lab, node, published, 'stays');
  const goes = await addPod(lab, node, config, 'goes');
  const right = await shown(node);
  for (let round = 0; round < 3; round++) {
    await node.run('nft', 'flush', 'ruleset');
    const statuses = Array.from({ length: 12 }, () => status(lab, node));
    const late = addPod(lab, node, config, `late-${round}`);
    const end = call(node, 'DEL', goes.config, { containerID: 'goes' });
    for (const { status: code, stdout } of await Promise.all(statuses)) t.is(code, 0, stdout);
    t.is((await end).status, 0);
    const { pod, config: own, containerID } = await late;
    t.deepEqual(await call(node, 'CHECK', own, { netns: pod.path, containerID }), ready);
    t.is((await call(node, 'DEL', own, { containerID })).status, 0);
  }
  const check = await call(node, 'CHECK', stays.config, { netns: stays.pod.path, containerID: 'stays' });
  t.deepEqual(check, ready);
  t.is((await call(node, 'DEL', stays.config, { containerID: 'stays' })).status, 0);
  t.notRegex(await shown(node), /elements = \{/, 'nobody put back what a DEL took away');
  t.regex(right, /elements = \{/);
});

test.serial('STATUS of a node without pods installs nothing, with a table and without', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  t.deepEqual(await status(lab, node), ready);
  t.is(await node.run('nft', 'list', 'ruleset'), '');
  const { config } = await addPod(lab, node, published);
  t.is((await call(node, 'DEL', config)).status, 0);
  await node.run('nft', 'flush', 'ruleset');
  t.deepEqual(await status(lab, node), ready);
  t.is(await node.run('nft', 'list', 'ruleset'), '');
});

test.serial('STATUS repairs whatever else keeps the node from being ready', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await addPod(lab, node, published);
  await node.run('nft', 'flush', 'ruleset');
  const slip = configuration(lab, { cniVersion: '1.1.0', mut: 1400 });
  t.is((await call(node, 'STATUS', slip, { containerID: '', ifname: '' })).status, 1);
  t.regex(await shown(node), /elements = \{/);
});
