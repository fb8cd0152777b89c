import test from 'ava';
import { ownPlugin, parseNetworkFile } from '../../../../cmd/tool/init/conflist.ts';
import { conflistFor } from '../../../../cmd/tool/init/init.ts';
import { parseNode } from '../../../../cmd/tool/init/node-object.ts';
import { capabilities } from '../../../../conf/runtime.ts';

const path = '/etc/cni/net.d/10-dualstack.conflist';

test('each plugin of a list gets the name and the version of the list', (t) => {
  const list = {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [{ type: 'tuning' }, { type: 'dualstack', mtu: 1400 }],
  };
  const file = parseNetworkFile(path, JSON.stringify(list));
  t.deepEqual(ownPlugin(file), { type: 'dualstack', mtu: 1400, name: 'pods', cniVersion: '1.0.0' });
});

test('a single configuration is a list of one', (t) => {
  const file = parseNetworkFile(path, '{"cniVersion":"0.4.0","name":"pods","type":"dualstack"}');
  t.like(ownPlugin(file), { type: 'dualstack', name: 'pods' });
});

for (const text of [
  '',
  '[]',
  'null',
  '{"name":"pods","plugins":[]}',
  '{"plugins":[{"type":"dualstack"}]}',
  '{"name":"pods","plugins":[{}]}',
  '{"name":"pods","plugins":[null]}',
  '{"name":"pods"}',
  '{{range .PodCIDRRanges}}',
]) {
  test(`no network configuration: ${text}`, (t) => {
    t.throws(() => parseNetworkFile(path, text), {
      message: /10-dualstack\.conflist is not a network configuration: /,
    });
  });
}

const wish = {
  podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
  nodeIPs: [],
  network: 'pods',
  cniVersion: '1.0.0',
  clusterCIDRs: ['10.244.0.0/16'],
  ipFamilies: [],
  mtu: undefined,
  dataDir: undefined,
};

test('a conflist holds what was wished for, and offers the capabilities that we honour', (t) => {
  t.deepEqual(JSON.parse(conflistFor(wish, path).text), {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'dualstack',
        podCIDRs: wish.podCIDRs,
        clusterCIDRs: ['10.244.0.0/16'],
        capabilities: Object.fromEntries(capabilities.map((name) => [name, true])),
      },
    ],
  });
});

test('a Node of one family, or of an old API, is understood', (t) => {
  const of = (spec: object) => parseNode(JSON.stringify({ kind: 'Node', spec }));
  t.deepEqual(of({ podCIDR: '10.244.1.0/24' }), { podCIDRs: ['10.244.1.0/24'], nodeIPs: [] });
  t.deepEqual(of({ podCIDRs: ['fd00::/64'] }).podCIDRs, ['fd00::/64']);
});

const nodeOf = (name: string, number: number) => ({
  kind: 'Node',
  metadata: { name },
  spec: { podCIDRs: [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`] },
});
const listOf = (...items: object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const yaml = `apiVersion: v1
items:
- apiVersion: v1
  kind: Node
  metadata:
    name: worker
  spec:
    podCIDR: 10.244.3.0/24
    podCIDRs:
    - 10.244.3.0/24
    - fd00:10:244:3::/64
  status:
    addresses:
    - {address: 192.0.2.10, type: InternalIP}
kind: List
metadata:
  resourceVersion: ""
`;

test('a list of one Node is that Node, as JSON and as YAML', (t) => {
  const wanted = ['10.244.3.0/24', 'fd00:10:244:3::/64'];
  t.deepEqual(parseNode(listOf(nodeOf('worker', 3))).podCIDRs, wanted);
  t.deepEqual(parseNode(listOf(nodeOf('worker', 3)).replace('"List"', '"NodeList"')).podCIDRs, wanted);
  t.deepEqual(parseNode(yaml), { podCIDRs: wanted, nodeIPs: ['192.0.2.10'] });
  t.deepEqual(parseNode('kind: Node\nspec: {podCIDR: 10.244.3.0/24}').podCIDRs, ['10.244.3.0/24']);
});

test('of a list of several Nodes, the one that is named', (t) => {
  const several = listOf(nodeOf('one', 1), nodeOf('two', 2));
  t.deepEqual(parseNode(several, 'two').podCIDRs, ['10.244.2.0/24', 'fd00:10:244:2::/64']);
  t.throws(() => parseNode(several), {
    message: /the list has 2 Nodes, one, two: say which one with --node-name/,
  });
  t.throws(() => parseNode(several, 'three'), { message: /the list has no Node three, but one, two/ });
  t.throws(() => parseNode(listOf()), { message: /the list has no Node$/ });
  t.throws(() => parseNode(listOf({ kind: 'Pod' })), { message: /the list has no Node$/ });
});
