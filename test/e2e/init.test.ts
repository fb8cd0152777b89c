import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, succeeded } from '../lab/cni.ts';
import { type Lab, openLab } from '../lab/namespaces.ts';
import { dataDirOf } from '../lab/pods.ts';
import { confDirOf, tool, toolJson, writeConfiguration, writeConflist } from '../lab/tool.ts';

const cidrs = '10.244.1.0/24,fd00:10:244:1::/64';

function words(lab: Lab, ...more: string[]): string[] {
  return ['init', '--conf-dir', confDirOf(lab), ...more];
}

async function pluginIn(lab: Lab, name = '10-dualstack.conflist'): Promise<Record<string, unknown>> {
  const list = JSON.parse(await readFile(join(confDirOf(lab), name), 'utf8'));
  return list.plugins[0];
}

test.serial('init writes a conflist that a pod can be added with', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const { status, stdout } = await tool(node, words(lab, '--pod-cidr', cidrs, '--node-ip', '2001:db8::10'));
  t.is(status, 0);
  t.is(stdout, `wrote ${confDirOf(lab)}/10-dualstack.conflist`);
  t.is((await stat(join(confDirOf(lab), '10-dualstack.conflist'))).mode & 0o777, 0o644);
  const { capabilities: _, ...plugin } = await pluginIn(lab);
  const input = { ...plugin, cniVersion: '1.0.0', name: 'pods', dataDir: dataDirOf(lab) };
  const result = succeeded(await call(node, 'ADD', input, { netns: pod.path }));
  t.deepEqual(
    result.ips.map(({ address }) => address),
    ['fd00:10:244:1::2/128', '10.244.1.2/32'],
  );
});

test.serial('init takes lists with commas and flags again and again', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const more = ['--pod-cidr', '10.244.1.0/24', '--pod-cidr', 'fd00:10:244:1::/64', '--mtu', '1400'];
  t.is((await tool(node, words(lab, ...more))).status, 0);
  t.like(await pluginIn(lab), { podCIDRs: cidrs.split(','), mtu: 1400 });
});

const nodeObject = {
  kind: 'Node',
  metadata: { name: 'worker' },
  spec: { podCIDR: '10.244.3.0/24', podCIDRs: ['10.244.3.0/24', 'fd00:10:244:3::/64'] },
  status: {
    addresses: [
      { type: 'InternalIP', address: '192.0.2.10' },
      { type: 'InternalIP', address: '2001:db8::10' },
      { type: 'Hostname', address: 'worker' },
    ],
  },
};

test.serial('init reads a Node object from its standard input, or from a file', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  t.is((await tool(node, words(lab, '-'), { input: JSON.stringify(nodeObject) })).status, 0);
  const wanted = { podCIDRs: nodeObject.spec.podCIDRs, nodeIPs: ['192.0.2.10', '2001:db8::10'] };
  t.like(await pluginIn(lab), wanted);
  const file = join(lab.folder, 'node.json');
  await writeFile(file, JSON.stringify(nodeObject));
  const more = ['--file', '20-other.conflist', '--node-ip', '2001:db8::10', file];
  t.is((await tool(node, words(lab, ...more))).status, 0);
  t.like(await pluginIn(lab, '20-other.conflist'), { ...wanted, nodeIPs: ['2001:db8::10'] });
});

test.serial('init takes a list of one Node, also as YAML', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const list = { apiVersion: 'v1', kind: 'List', items: [nodeObject] };
  const yaml = `kind: List\nitems:\n- kind: Node\n  spec:\n    podCIDRs: [10.244.4.0/24, 'fd00:10:244:4::/64']\n`;
  t.is((await tool(node, words(lab, '-'), { input: JSON.stringify(list) })).status, 0);
  t.like(await pluginIn(lab), { podCIDRs: nodeObject.spec.podCIDRs });
  t.is((await tool(node, words(lab, '-'), { input: yaml })).status, 0);
  t.like(await pluginIn(lab), { podCIDRs: ['10.244.4.0/24', 'fd00:10:244:4::/64'] });
});

test.serial('init says so when pods get addresses of one family alone', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { stdout } = await tool(node, words(lab, '--pod-cidr', '10.0.0.0/24'));
  t.regex(stdout, /^single-stack: pods get IPv4 addresses alone/m);
  t.notRegex((await tool(node, words(lab, '--pod-cidr', cidrs))).stdout, /single-stack/);
});

test.serial('init --dry-run prints the conflist and writes nothing', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { stdout } = await tool(node, words(lab, '--pod-cidr', cidrs, '--dry-run'));
  t.deepEqual(JSON.parse(stdout).plugins[0].podCIDRs, cidrs.split(','));
  await t.throwsAsync(readdir(confDirOf(lab)), { code: 'ENOENT' });
});

test.serial('init keeps what was there of ours last, and no pile of it', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab, {}, '05-old.conflist');
  const old = await readFile(join(confDirOf(lab), '05-old.conflist'), 'utf8');
  for (const cidr of ['10.244.1.0/24', '10.244.2.0/24', '10.244.2.0/24', '10.244.3.0/24', '10.244.4.0/24'])
    t.is((await tool(node, words(lab, '--pod-cidr', cidr))).status, 0);
  const names = ['05-old.conflist.bak', '10-dualstack.conflist', '10-dualstack.conflist.bak'];
  t.deepEqual(await readdir(confDirOf(lab)), names);
  t.is(await readFile(join(confDirOf(lab), '05-old.conflist.bak'), 'utf8'), old);
});

test.serial("init leaves others' files alone, and says which of them the runtime prefers", async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const other = { cniVersion: '1.0.0', name: 'other', plugins: [{ type: 'bridge' }] };
  await writeConfiguration(lab, '00-other.conflist', other);
  await writeConfiguration(lab, '20-other.conflist', other);
  const refused = await tool(node, words(lab, '--pod-cidr', cidrs, '--file', '20-other.conflist'));
  t.is(refused.status, 1);
  t.regex(refused.stderr, /a file that is not ours has this name/);
  const done = await toolJson<{ stronger: string[] }>(node, words(lab, '--pod-cidr', cidrs));
  t.deepEqual(done.stronger, [`${confDirOf(lab)}/00-other.conflist`]);
});

const refusals: [string, string[], string, RegExp][] = [
  ['a CIDR with host bits', ['--pod-cidr', '10.244.1.7/24'], '', /must be a CIDR without host bits/],
  ['overlapping CIDRs', ['--pod-cidr', '10.0.0.0/8,10.1.0.0/16'], '', /overlap/],
  [
    'a family without a CIDR',
    ['--pod-cidr', '10.244.1.0/24', '--ip-families', 'IPv6'],
    '',
    /no podCIDR for IPv6/,
  ],
  [
    'an MTU that is no number',
    ['--pod-cidr', cidrs, '--mtu', 'big'],
    '',
    /mtu must be a whole number of bytes/,
  ],
  ['no podCIDR', [], '', /which podCIDRs\?/],
  ['a name with a path in it', ['--pod-cidr', cidrs, '--file', '../x.conflist'], '', /--file must be a name/],
  [
    'a network name with a path in it',
    ['--pod-cidr', cidrs, '--name', '../x'],
    '',
    /name must start with a letter/,
  ],
  [
    'a Node that is neither JSON nor YAML',
    ['-'],
    'Error from server',
    /read the Node object: it is neither JSON nor YAML/,
  ],
  ['a list without Nodes', ['-'], '{"kind":"List","items":[]}', /read the Node object: the list has no Node/],
  [
    'a list of several Nodes',
    ['-'],
    '{"kind":"List","items":[{"metadata":{"name":"one"}},{"metadata":{"name":"two"}}]}',
    /the list has 2 Nodes, one, two: say which one/,
  ],
  ['another object', ['-'], 'kind: Pod\nspec: {}', /read the Node object: invalid: kind/],
  ['a Node without podCIDRs', ['-'], '{"kind":"Node","spec":{}}', /\.spec\.podCIDRs is empty/],
];

for (const [what, more, input, expected] of refusals) {
  test.serial(`init refuses ${what}, and writes nothing`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const { status, stdout, stderr } = await tool(node, words(lab, ...more), { input });
    t.is(status, 1);
    t.is(stdout, '');
    t.regex(stderr, expected);
    await t.throwsAsync(readdir(confDirOf(lab)), { code: 'ENOENT' });
  });
}

test.serial('init that cannot write says so: what failed, and why', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeFile(join(lab.folder, 'file'), '');
  const folder = join(lab.folder, 'file', 'net.d');
  const { status, stderr } = await tool(node, ['init', '--conf-dir', folder, '--pod-cidr', cidrs]);
  t.is(status, 1);
  t.regex(stderr, /ENOTDIR/);
});
