import test from 'ava';
import { Failure } from '../../../conf/failure.ts';
import { preferenceFrom, type Written } from '../../lab/pools.ts';

const [v4, v6] = ['10.0.0.0/24', 'fd00::/64'];
const both = [v4, v6];
const [node4, node6] = ['192.0.2.10', '2001:db8::10'];

/** What is configured; the families in their order, `~` when one may be left out, and the warnings. */
const orders: [Written, string, string[]][] = [
  // podCIDRs.
  [{ podCIDRs: both }, 'IPv4 IPv6', []],
  [{ podCIDRs: [v6, v4] }, 'IPv6 IPv4', []],
  [{ podCIDRs: [v4, '10.0.1.0/24', v6] }, 'IPv4 IPv6', []],
  [{ podCIDRs: [v4] }, 'IPv4', []],
  [{ podCIDRs: [v6] }, 'IPv6', []],
  [{ ranges: [[{ subnet: v6 }], [{ subnet: v4 }]] }, 'IPv6 IPv4', []],
  [{ podCIDRs: both, ranges: [[{ subnet: v6 }]] }, 'IPv6', []],
  // nodeIPs stand over podCIDRs.
  [{ podCIDRs: both, nodeIPs: [node6, node4] }, 'IPv6 IPv4', []],
  [{ podCIDRs: both, nodeIPs: [node6] }, 'IPv6 IPv4', []],
  [{ podCIDRs: both, nodeIPs: [node6, '2001:db8::11', node4] }, 'IPv6 IPv4', []],
  [{ podCIDRs: [v6, v4], nodeIPs: [node4, node6] }, 'IPv4 IPv6', []],
  // A family without a CIDR is left out, unless it is asked for.
  [{ podCIDRs: [v4], nodeIPs: [node6, node4] }, 'IPv4', []],
  [{ podCIDRs: [v6], nodeIPs: [node4] }, 'IPv6', []],
  // ipFamilies stand over both.
  [{ podCIDRs: both, ipFamilies: ['IPv6', 'IPv4'] }, 'IPv6 IPv4', []],
  [{ podCIDRs: both, ipFamilies: ['IPv6', 'IPv4'], nodeIPs: [node4, node6] }, 'IPv6 IPv4', []],
  [{ podCIDRs: both, ipFamilies: ['IPv6'] }, 'IPv6', []],
  [{ podCIDRs: both, ipFamilies: ['IPv4'], nodeIPs: [node6] }, 'IPv4', []],
  // ipFamilyPolicy.
  [{ podCIDRs: both, ipFamilyPolicy: 'SingleStack' }, 'IPv4', []],
  [{ podCIDRs: both, ipFamilyPolicy: 'SingleStack', nodeIPs: [node6] }, 'IPv6', []],
  [{ podCIDRs: both, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6', 'IPv4'] }, 'IPv6', []],
  [{ podCIDRs: [v4], ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] }, 'IPv4', []],
  [{ podCIDRs: both, ipFamilyPolicy: 'PreferDualStack' }, 'IPv4~IPv6', []],
  [{ podCIDRs: [v6], ipFamilyPolicy: 'PreferDualStack' }, '~IPv6', []],
  [
    { podCIDRs: [v6], ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] },
    '~IPv6',
    ['no podCIDR for IPv4'],
  ],
  [{ podCIDRs: both, ipFamilyPolicy: 'RequireDualStack' }, 'IPv4 IPv6', []],
];

for (const [written, expected, warnings] of orders) {
  test(`${JSON.stringify(written)}: ${expected}`, (t) => {
    const preference = preferenceFrom(written);
    const names = preference.pools.map(({ family }) => family.name);
    const { lenient } = preference;
    t.is(names.length === 1 && lenient ? `~${names[0]}` : names.join(lenient ? '~' : ' '), expected);
    t.deepEqual(preference.warnings, warnings);
  });
}

const refused: [Written, string][] = [
  [{}, 'podCIDRs must name a CIDR'],
  [{ podCIDRs: [], nodeIPs: [node4] }, 'podCIDRs must name a CIDR'],
  [{ podCIDRs: [], ipFamilies: ['IPv6'] }, 'no podCIDR for IPv6'],
  [{ podCIDRs: [v4], ipFamilies: ['IPv6'] }, 'no podCIDR for IPv6'],
  [{ podCIDRs: [v4], ipFamilies: ['IPv6', 'IPv4'] }, 'no podCIDR for IPv6'],
  [{ podCIDRs: [v6], ipFamilies: ['IPv6', 'IPv4'] }, 'no podCIDR for IPv4'],
  [{ podCIDRs: [v6], ipFamilies: ['IPv4'], ipFamilyPolicy: 'PreferDualStack' }, 'no podCIDR for IPv4'],
  [{ podCIDRs: [v4], ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'SingleStack' }, 'no podCIDR for IPv6'],
  [
    { podCIDRs: [v4], ipFamilyPolicy: 'RequireDualStack' },
    'RequireDualStack needs both families: no podCIDR for IPv6',
  ],
  [
    { podCIDRs: both, ipFamilies: ['IPv4'], ipFamilyPolicy: 'RequireDualStack' },
    'RequireDualStack needs both families, and ipFamilies names IPv4 alone',
  ],
];

for (const [written, message] of refused) {
  test(`${JSON.stringify(written)}: ${message}`, (t) => {
    const error = t.throws(() => preferenceFrom(written), { instanceOf: Failure });
    t.is(error.code, 7);
    t.is(error.message, `invalid network configuration: ${message}`);
  });
}
