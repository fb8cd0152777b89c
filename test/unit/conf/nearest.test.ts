import test from 'ava';
import { nearest } from '../../../conf/nearest.ts';

const known = [
  'podCIDRs',
  'nodeIPs',
  'ipFamilies',
  'ipFamilyPolicy',
  'mtu',
  'routes',
  'dns',
  'gateway',
  'gateways',
];

const meant: [string, string | undefined][] = [
  ['podCIDR', 'podCIDRs'],
  ['podcidrs', 'podCIDRs'],
  ['podCDIRs', 'podCIDRs'],
  ['PODCIDRS', 'podCIDRs'],
  ['ipFamily', 'ipFamilies'],
  ['ipFamilyPolcy', 'ipFamilyPolicy'],
  ['mut', 'mtu'],
  ['gateway', 'gateway'],
  ['gatewayss', 'gateways'],
  ['route', 'routes'],
  ['isGateway', 'gateway'],
  ['ipFam', 'ipFamilies'],
  ['isDefaultGateway', undefined],
  ['promiscMode', undefined],
  ['x', undefined],
  ['', undefined],
];

for (const [word, expected] of meant) {
  test(`"${word}" probably means ${expected ?? 'nothing that is known'}`, (t) => {
    t.is(nearest(word, known), expected);
  });
}

test('among none there is no nearest', (t) => {
  t.is(nearest('mtu', []), undefined);
});
