import test from 'ava';
import { requestedPools, requestOf } from '../../../cmd/verbs/addressing.ts';
import { parseConfiguration } from '../../../conf/configuration.ts';
import { formatAddress, formatCidr } from '../../../conf/family.ts';
import { parseRuntimeConfig } from '../../../conf/runtime.ts';
import { poolsOf } from '../../../ipam/pool.ts';

const podCIDRs = ['10.244.1.0/24', 'fd00::/64'];
const ranges = [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd01::/64' }]];

/** What the file has, the sets that a runtime asks for, and where the addresses come from. */
const merged: [object, object[][], string[]][] = [
  [{ podCIDRs }, [], ['10.244.1.0/24', 'fd00::/64']],
  [{ podCIDRs }, [[{ subnet: '10.7.0.0/24' }]], ['10.7.0.0/24', 'fd00::/64']],
  [{ podCIDRs }, [[{ subnet: 'fd07::/64' }]], ['fd07::/64', '10.244.1.0/24']],
  [{ podCIDRs, ranges }, [[{ subnet: 'fd07::/64' }]], ['fd07::/64', '10.1.0.0/24']],
  [{ ranges }, [[{ subnet: 'fd07::/64' }], [{ subnet: '10.7.0.0/24' }]], ['fd07::/64', '10.7.0.0/24']],
];

for (const [file, ipRanges, expected] of merged) {
  test(`ipRanges ${JSON.stringify(ipRanges)} over ${JSON.stringify(file)}`, (t) => {
    const configuration = parseConfiguration({ name: 'pods', ...file });
    const runtimeConfig = parseRuntimeConfig({ ipRanges });
    const pools = requestedPools({ configuration, runtimeConfig, wires: true });
    t.deepEqual(
      pools.flatMap(({ subnets }) => subnets.map(formatCidr)),
      expected,
    );
  });
}

/** The capability, args.cni.ips, IP=, and what is asked for in the end. */
const requests: [string[], string[], string, string[]][] = [
  [['10.0.0.7'], ['10.0.0.8'], '10.0.0.9', ['10.0.0.7']],
  [[], ['10.0.0.8'], '10.0.0.9', ['10.0.0.8']],
  [['fd00::7'], [], '10.0.0.9', ['10.0.0.9', 'fd00::7']],
  [['fd00::7'], ['10.0.0.8'], '10.0.0.9,fd00::9', ['10.0.0.8', 'fd00::7']],
  [['10.0.0.7', '10.0.0.8'], [], '', ['10.0.0.7', '10.0.0.8']],
];

for (const [ips, ofArgs, ip, expected] of requests) {
  test(`of ${JSON.stringify([ips, ofArgs, ip])} the pod gets ${expected.join(' and ')}`, (t) => {
    const call = {
      runtimeConfig: parseRuntimeConfig({ ips }),
      input: { args: { cni: { ips: ofArgs } } },
      args: new Map([['IP', ip]]),
    };
    t.deepEqual(requestOf(call).ips.map(formatAddress), expected);
  });
}

test('what else is on the link of another plugin’s pods, that plugin knows', (t) => {
  const configuration = parseConfiguration({
    name: 'pods',
    podCIDRs,
    routes: [{ dst: '10.0.0.0/8', gw: '10.244.1.254' }],
  });
  const runtimeConfig = parseRuntimeConfig({});
  t.throws(() => requestedPools({ configuration, runtimeConfig, wires: true }), {
    message: /not on the pod's link/,
  });
  t.notThrows(() => requestedPools({ configuration, runtimeConfig, wires: false }));
});

test('two gateways of a family contradict each other, unless they are equal', (t) => {
  const read = (more: object) =>
    poolsOf(parseConfiguration({ name: 'pods', podCIDRs, ...more })).flatMap(({ spans }) =>
      spans.slice(0, 1).map(({ gateway }) => formatAddress(gateway)),
    );
  t.deepEqual(read({ gateway: 'fd00::9', gateways: ['10.9.9.9', 'FD00::9'] }), ['10.9.9.9', 'fd00::9']);
  for (const more of [
    { gateways: ['10.9.9.9', '10.9.9.8'] },
    { gateway: '10.9.9.9', gateways: ['fd00::9', '10.9.9.8'] },
  ])
    t.throws(() => read(more), { message: /10\.9\.9\.9 and 10\.9\.9\.8 are two gateways of IPv4/ });
});
