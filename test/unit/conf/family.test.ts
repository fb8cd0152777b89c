import test from 'ava';
import fc from 'fast-check';
import {
  type Cidr,
  cidrs,
  contains,
  families,
  formatAddress,
  formatCidr,
  IPv4,
  IPv6,
  lastOf,
  overlap,
  parseAddress,
  parseCidr,
  parseInterfaceAddress,
} from '../../../conf/family.ts';

const canonical: [string, string][] = [
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['10.244.1.7', '10.244.1.7'],
  ['::', '::'],
  ['::1', '::1'],
  ['::FFFF', '::ffff'],
  ['FD00:0010:0244:0001:0000:0000:0000:0007', 'fd00:10:244:1::7'],
  // RFC 5952: 4.2.2 not for one group alone, 4.2.3 the longest run, else the first.
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['fd00::', 'fd00::'],
];

for (const [text, expected] of canonical) {
  test(`${text} is ${expected}`, (t) => {
    const address = parseAddress(text);
    t.is(address && formatAddress(address), expected);
  });
}

const noAddresses = [
  '',
  '10.244.1',
  '10.244.1.256',
  '10.244.1.07',
  '10.244.1.7.1',
  '10.244.1.7 ',
  '0x0a.0.0.1',
  '167772161',
  '10.244.1.7/24',
  ':::',
  'fd00::1::2',
  'fd00:1:2:3:4:5:6:7:8',
  'fd00::12345',
  'fd00::1/64',
  'fe80::1%eth0',
  // Peers read these as IPv4: whatever they would mean, no pod has one.
  '::ffff:10.244.1.7',
  '::10.244.1.7',
  '::ffff:af4:107',
  '0:0:0:0:0:FFFF:0AF4:0107',
  'localhost',
  '10.244.1.7\n',
  '\u0661\u0660.0.0.1',
];

for (const text of noAddresses) {
  test(`${JSON.stringify(text)} is no address`, (t) => {
    t.is(parseAddress(text), undefined);
  });
}

const noCidrs = ['10.244.1.0', '10.244.1.0/33', '10.244.1.0/024', '10.244.1.0/-1', '10.244.1.0/', '/24'];
const withHostBits = ['10.244.1.7/24', '10.244.1.128/24', 'fd00::1/64', '::1/0', '128.0.0.0/0'];

for (const text of [...noCidrs, ...withHostBits, 'fd00::/129', 'fd00::/64/64', '10.0.0.0/8 ']) {
  test(`${JSON.stringify(text)} is no CIDR`, (t) => {
    t.is(parseCidr(text), undefined);
  });
}

const bounds: [string, string, string][] = [
  ['10.244.1.0/24', '10.244.1.0', '10.244.1.255'],
  ['10.244.1.4/31', '10.244.1.4', '10.244.1.5'],
  ['10.244.1.4/32', '10.244.1.4', '10.244.1.4'],
  ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
  ['fd00:10:244:1::/64', 'fd00:10:244:1::', 'fd00:10:244:1:ffff:ffff:ffff:ffff'],
  ['fd00::2/127', 'fd00::2', 'fd00::3'],
  ['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

for (const [text, first, last] of bounds) {
  test(`${text} is from ${first} to ${last}`, (t) => {
    const cidr = parseCidr(text) as Cidr;
    t.is(formatCidr(cidr), text);
    t.is(cidr.family.format(cidr.base), first);
    t.is(cidr.family.format(lastOf(cidr)), last);
  });
}

test('a CIDR with an address in it keeps both', (t) => {
  const parsed = parseInterfaceAddress('fd00:10:244:1::7/64');
  t.is(parsed && formatAddress(parsed.address), 'fd00:10:244:1::7');
  t.is(parsed && formatCidr(parsed.network), 'fd00:10:244:1::/64');
});

test('a CIDR holds what is between its bounds, and nothing of the other family', (t) => {
  const cidr = parseCidr('::/96') as Cidr;
  t.true(contains(cidr, { family: IPv6, value: 0xffffffffn }));
  t.false(contains(cidr, { family: IPv6, value: 0x100000000n }));
  t.false(contains(cidr, { family: IPv4, value: 1n }));
});

test('two CIDRs overlap when one holds the other, whichever is named first', (t) => {
  const [wide, narrow, beside, ipv6] = cidrs('10.0.0.0/8', '10.9.0.0/16', '11.0.0.0/8', '::/0') as [
    Cidr,
    Cidr,
    Cidr,
    Cidr,
  ];
  t.true(overlap(wide, narrow) && overlap(narrow, wide) && overlap(wide, wide));
  for (const other of [beside, ipv6]) t.false(overlap(wide, other) || overlap(other, wide));
});

for (const family of families) {
  const value = fc
    .bigInt({ min: 0n, max: (1n << BigInt(family.bits)) - 1n })
    .filter((number) => family === IPv4 || number >> 32n !== 0xffffn);

  test(`every ${family.name} address reads back from its text, which one family alone reads`, (t) => {
    fc.assert(
      fc.property(value, (number) => {
        const text = family.format(number);
        t.deepEqual(parseAddress(text), { family, value: number });
        t.is(family.parse(text), number);
      }),
    );
  });

  test(`every ${family.name} CIDR reads back from its text`, (t) => {
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: family.bits }), (number, prefix) => {
        const parsed = parseInterfaceAddress(`${family.format(number)}/${prefix}`);
        t.truthy(parsed);
        if (!parsed) return;
        t.deepEqual(parseCidr(formatCidr(parsed.network)), parsed.network);
        t.true(contains(parsed.network, parsed.address));
      }),
    );
  });
}
