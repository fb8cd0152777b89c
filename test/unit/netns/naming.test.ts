import test from 'ava';
import fc from 'fast-check';
import { parseAddress } from '../../../conf/family.ts';
import { candidateNames, linkLocal } from '../../../netns/link/naming.ts';

const attachment = fc.record({ containerID: fc.string(), ifname: fc.string() });

test('the names of an attachment are always the same', (t) => {
  t.deepEqual(candidateNames({ containerID: 'container-1', ifname: 'eth0' })[0], {
    hostEnd: 'vethds127c17d52',
    hostMac: 'c6:2d:e2:32:46:3a',
    podMac: '2e:cc:22:1e:eb:5e',
  });
});

test('every name is one that the kernel takes, every MAC address unicast and locally administered', (t) => {
  fc.assert(
    fc.property(attachment, (any) => {
      const candidates = candidateNames(any);
      t.is(new Set(candidates.map(({ hostEnd }) => hostEnd)).size, 3);
      for (const { hostEnd, hostMac, podMac } of candidates) {
        t.regex(hostEnd, /^vethds[0-9a-f]{9}$/);
        t.not(hostMac, podMac);
        for (const mac of [hostMac, podMac]) t.regex(mac, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
      }
    }),
  );
});

test('what is told apart by one field alone has other names', (t) => {
  const names = [
    { containerID: 'a', ifname: 'eth0' },
    { containerID: 'a', ifname: 'eth1' },
    { containerID: 'b', ifname: 'eth0' },
    { containerID: 'ae', ifname: 'th0' },
  ].flatMap((attachment) => candidateNames(attachment));
  t.is(new Set(names.map(({ hostEnd }) => hostEnd)).size, 12);
});

const eui64: [string, string][] = [
  ['02:00:00:00:00:01', 'fe80::ff:fe00:1'],
  ['00:00:5e:00:53:01', 'fe80::200:5eff:fe00:5301'],
  ['c2:11:22:33:44:55', 'fe80::c011:22ff:fe33:4455'],
  ['fe:ff:ff:ff:ff:ff', 'fe80::fcff:ffff:feff:ffff'],
];

for (const [mac, expected] of eui64) {
  test(`${mac} has the link-local address ${expected}`, (t) => {
    const address = parseAddress(linkLocal(mac));
    t.is(address?.family.format(address.value), expected);
  });
}
