import test from 'ava';
import { requestedPools } from '../../../cmd/verbs/addressing.ts';
import { parseConfiguration } from '../../../conf/configuration.ts';
import { formatCidr } from '../../../conf/family.ts';
import { parseRuntimeConfig } from '../../../conf/runtime.ts';

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
    const pools = requestedPools(configuration, parseRuntimeConfig({ ipRanges }));
    t.deepEqual(
      pools.flatMap(({ subnets }) => subnets.map(formatCidr)),
      expected,
    );
  });
}
