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
  t.deepEqual(JSON.parse(conflistFor(wish, path)), {
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
