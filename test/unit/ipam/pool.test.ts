import test from 'ava';
import fc from 'fast-check';
import { Failure } from '../../../conf/failure.ts';
import { formatAddress, IPv4, IPv6, lastOf } from '../../../conf/family.ts';
import { capacity, describePool, type Pool, spanOf, successor } from '../../../ipam/pool.ts';
import { addressOf, poolsFrom, type Written } from '../../lab/pools.ts';

/** `10.0.0.2-10.0.0.254 via 10.0.0.1` for each span. */
function spans(pool: Pool | undefined): string[] {
  const { format } = pool?.family ?? IPv4;
  return (pool?.spans ?? []).map(
    ({ first, last, gateway }) => `${format(first)}-${format(last)} via ${formatAddress(gateway)}`,
  );
}

const handedOut: [string, Written, string[]][] = [
  ['a /24', { podCIDRs: ['10.0.0.0/24'] }, ['10.0.0.2-10.0.0.254 via 10.0.0.1']],
  ['a /29', { podCIDRs: ['10.0.0.8/29'] }, ['10.0.0.10-10.0.0.14 via 10.0.0.9']],
  ['a /30', { podCIDRs: ['10.0.0.4/30'] }, ['10.0.0.6-10.0.0.6 via 10.0.0.5']],
  [
    'a /31, which has no broadcast address',
    { podCIDRs: ['10.0.0.4/31'] },
    ['10.0.0.5-10.0.0.5 via 10.0.0.4'],
  ],
  [
    'a /64, which has no broadcast address either',
    { podCIDRs: ['fd00::/64'] },
    ['fd00::2-fd00::ffff:ffff:ffff:ffff via fd00::1'],
  ],
  ['a /126', { podCIDRs: ['fd00::4/126'] }, ['fd00::6-fd00::7 via fd00::5']],
  ['a /127, which has no anycast address', { podCIDRs: ['fd00::4/127'] }, ['fd00::5-fd00::5 via fd00::4']],
  [
    'a single address behind a gateway of elsewhere',
    { podCIDRs: ['10.0.0.4/32'], gateway: '169.254.1.1' },
    ['10.0.0.4-10.0.0.4 via 169.254.1.1'],
  ],
  ['the same of IPv6', { podCIDRs: ['fd00::4/128'], gateways: ['fe80::1'] }, ['fd00::4-fd00::4 via fe80::1']],
  [
    'a gateway in the middle',
    { podCIDRs: ['10.0.0.0/29'], gateway: '10.0.0.4' },
    ['10.0.0.1-10.0.0.3 via 10.0.0.4', '10.0.0.5-10.0.0.6 via 10.0.0.4'],
  ],
  [
    'gateways: that of the family counts',
    { podCIDRs: ['10.0.0.0/29'], gateways: ['fd00::1', '10.0.0.6', '10.0.0.6'] },
    ['10.0.0.1-10.0.0.5 via 10.0.0.6'],
  ],
  [
    'a gateway of the other family is none',
    { podCIDRs: ['10.0.0.0/29'], gateway: 'fd00::9' },
    ['10.0.0.2-10.0.0.6 via 10.0.0.1'],
  ],
  [
    'excluded addresses and CIDRs',
    { podCIDRs: ['10.0.0.0/28'], exclude: ['10.0.0.3', '10.0.0.8/30', 'fd00::/8', '192.0.2.0/24'] },
    ['10.0.0.2-10.0.0.2 via 10.0.0.1', '10.0.0.4-10.0.0.7 via 10.0.0.1', '10.0.0.12-10.0.0.14 via 10.0.0.1'],
  ],
  [
    'excluded ones that overlap one another and the bounds',
    { podCIDRs: ['10.0.0.0/28'], exclude: ['10.0.0.0/30', '10.0.0.2/31', '10.0.0.12/30'] },
    ['10.0.0.4-10.0.0.11 via 10.0.0.1'],
  ],
  [
    'several podCIDRs of a family',
    { podCIDRs: ['10.0.1.0/30', '10.0.0.0/30'] },
    ['10.0.1.2-10.0.1.2 via 10.0.1.1', '10.0.0.2-10.0.0.2 via 10.0.0.1'],
  ],
  [
    'one gateway for several podCIDRs, inside the second',
    { podCIDRs: ['10.0.1.0/30', '10.0.0.0/30'], gateway: '10.0.0.1' },
    ['10.0.1.1-10.0.1.2 via 10.0.0.1', '10.0.0.2-10.0.0.2 via 10.0.0.1'],
  ],
  [
    'rangeStart, rangeEnd and gateway',
    {
      ranges: [
        [{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.10', rangeEnd: '10.0.0.20', gateway: '10.0.0.254' }],
      ],
    },
    ['10.0.0.10-10.0.0.20 via 10.0.0.254'],
  ],
  [
    'bounds that name what is never handed out',
    { ranges: [[{ subnet: '10.0.0.0/29', rangeStart: '10.0.0.0', rangeEnd: '10.0.0.7' }]] },
    ['10.0.0.2-10.0.0.6 via 10.0.0.1'],
  ],
  [
    'two ranges of one subnet',
    {
      ranges: [
        [
          { subnet: '10.0.0.0/24', rangeStart: '10.0.0.200' },
          { subnet: '10.0.0.0/24', rangeEnd: '10.0.0.9' },
        ],
      ],
    },
    ['10.0.0.200-10.0.0.254 via 10.0.0.1', '10.0.0.2-10.0.0.9 via 10.0.0.1'],
  ],
  [
    'ranges over podCIDRs',
    { podCIDRs: ['10.0.0.0/24'], ranges: [[{ subnet: '10.9.0.0/30' }]] },
    ['10.9.0.2-10.9.0.2 via 10.9.0.1'],
  ],
  [
    'podCIDRs when ranges are empty',
    { podCIDRs: ['10.0.0.0/30'], ranges: [] },
    ['10.0.0.2-10.0.0.2 via 10.0.0.1'],
  ],
];

for (const [what, written, expected] of handedOut) {
  test(`handed out of ${what}: ${expected.join(', ')}`, (t) => {
    t.deepEqual(spans(poolsFrom(written)[0]), expected);
  });
}

const refused: [string, Written, string][] = [
  [
    'a single address',
    { podCIDRs: ['10.0.0.4/32'] },
    '10.0.0.4/32 is too small: no address is left for a pod',
  ],
  ['a single address', { podCIDRs: ['fd00::/128'] }, 'fd00::/128 is too small: no address is left for a pod'],
  [
    'all excluded',
    { podCIDRs: ['10.0.0.0/30', '10.0.1.0/30'], exclude: ['10.0.0.0/23'] },
    '10.0.0.0/30, 10.0.1.0/30 is too small: no address is left for a pod',
  ],
  [
    'two sets of a family',
    { ranges: [[{ subnet: '10.0.0.0/24' }], [{ subnet: 'fd00::/64' }], [{ subnet: '10.0.1.0/24' }]] },
    'ranges[2] is a second set of IPv4, but a pod gets one address of each family: merge it into ranges[0]',
  ],
  [
    'a set of both families',
    { ranges: [[{ subnet: '10.0.0.0/24' }, { subnet: 'fd00::/64' }]] },
    'ranges[0] has both families: give each a set of its own',
  ],
  ['one in the other', { podCIDRs: ['10.0.1.0/24', '10.0.0.0/16'] }, '10.0.0.0/16 and 10.0.1.0/24 overlap'],
  [
    'ranges that share an address',
    {
      ranges: [
        [
          { subnet: '10.0.0.0/24', rangeEnd: '10.0.0.9' },
          { subnet: '10.0.0.0/24', rangeStart: '10.0.0.9' },
        ],
      ],
    },
    '10.0.0.0/24 and 10.0.0.0/24 overlap',
  ],
  [
    'a start outside',
    { ranges: [[{ subnet: '10.0.0.0/24', rangeStart: '10.0.1.1' }]] },
    '10.0.1.1 is outside its subnet 10.0.0.0/24',
  ],
  [
    'an end of the other family',
    { ranges: [[{ subnet: '10.0.0.0/24', rangeEnd: 'fd00::1' }]] },
    'fd00::1 is outside its subnet 10.0.0.0/24',
  ],
  [
    'an end before the start',
    { ranges: [[{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.9', rangeEnd: '10.0.0.8' }]] },
    'the range in 10.0.0.0/24 ends before it starts',
  ],
  [
    'a gateway of the other family',
    { ranges: [[{ subnet: '10.0.0.0/24', gateway: 'fd00::1' }]] },
    'gateway fd00::1 is not of the family of 10.0.0.0/24',
  ],
  ['everything', { podCIDRs: ['::/0'] }, '::/0 has addresses of ::/127, which no pod can have'],
  [
    'loopback',
    { podCIDRs: ['127.1.0.0/24'] },
    '127.1.0.0/24 has addresses of 127.0.0.0/8, which no pod can have',
  ],
  [
    'link-local, as a range',
    { ranges: [[{ subnet: 'fe80::/64' }]] },
    'fe80::/64 has addresses of fe80::/10, which no pod can have',
  ],
  [
    'multicast',
    { podCIDRs: ['10.0.0.0/24', 'ff0e::/64'] },
    'ff0e::/64 has addresses of ff00::/8, which no pod can have',
  ],
];

const many = Array.from({ length: 1001 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
refused.push(
  ['more than anybody has', { podCIDRs: many }, 'there are 1001 ranges, and the limit is 1000'],
  [
    'more excluded than anybody has',
    { podCIDRs: ['10.0.0.0/8'], exclude: many },
    'there are 1001 entries in exclude, and the limit is 1000',
  ],
);

test('as many ranges as there is room for are no matter', (t) => {
  const [pool] = poolsFrom({
    podCIDRs: many.slice(1),
    exclude: many.slice(1).map((cidr) => cidr.replace('.0/24', '.9')),
  });
  t.is(pool && capacity(pool), 252_000n);
});

for (const [what, written, message] of refused) {
  test(`${what}: ${message}`, (t) => {
    const error = t.throws(() => poolsFrom(written), { instanceOf: Failure });
    t.is(error.code, 7);
    t.is(error.message, `invalid network configuration: ${message}`);
  });
}

test('pools are in the order in which their families are first named, and numbered in it', (t) => {
  const pools = poolsFrom({ podCIDRs: ['fd00::/64', '10.0.0.0/24', 'fd01::/64'] });
  t.deepEqual(
    pools.map(({ family, position }) => [family.name, position]),
    [
      ['IPv6', 0],
      ['IPv4', 1],
    ],
  );
  t.is(pools[0]?.subnets.length, 2);
});

test('a pool tells its subnets and its size', (t) => {
  const [ipv4, ipv6] = poolsFrom({ podCIDRs: ['10.0.0.0/29', '10.0.1.0/31', 'fd00::/64'] });
  t.is(ipv4 && describePool(ipv4), '10.0.0.0/29, 10.0.1.0/31 (6 addresses)');
  t.is(ipv6 && capacity(ipv6), (1n << 64n) - 2n);
});

test('the successor goes round, over gaps and from range to range', (t) => {
  const [pool] = poolsFrom({ podCIDRs: ['10.0.1.0/29', '10.0.0.0/30'], exclude: ['10.0.1.4'] }) as [Pool];
  const after = (text?: string) => IPv4.format(successor(pool, text ? addressOf(text).value : undefined));
  t.is(after(), '10.0.1.2');
  t.is(after('10.0.1.2'), '10.0.1.3');
  t.is(after('10.0.1.3'), '10.0.1.5');
  t.is(after('10.0.1.6'), '10.0.0.2');
  t.is(after('10.0.0.2'), '10.0.1.2');
  // Given before it was excluded: on from there. Given before the podCIDRs changed: from the start.
  t.is(after('10.0.1.4'), '10.0.1.5');
  t.is(after('192.0.2.7'), '10.0.1.2');
});

/** Small subnets of both families, with addresses excluded, a gateway and bounds anywhere in them. */
const anyRange = fc
  .record({
    family: fc.constantFrom(IPv4, IPv6),
    hostBits: fc.integer({ min: 2, max: 7 }),
    offsets: fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 4, maxLength: 8 }),
  })
  .map(({ family, hostBits, offsets }) => {
    const base = addressOf(family === IPv4 ? '10.1.2.128' : 'fd00:1::80').value - 0x80n;
    const at = (index: number) => family.format(base + BigInt((offsets[index] ?? 0) % (1 << hostBits)));
    const [rangeStart, rangeEnd] = [offsets[0] ?? 0, offsets[1] ?? 0]
      .map((offset) => offset % (1 << hostBits))
      .sort((a, b) => a - b)
      .map((offset) => family.format(base + BigInt(offset)));
    const subnet = `${family.format(base)}/${family.bits - hostBits}`;
    const exclude = offsets.slice(3).map((_, index) => at(index + 3));
    return { ranges: [[{ subnet, rangeStart, rangeEnd, gateway: at(2) }]], exclude };
  });

function poolOrNone(written: Written): Pool | undefined {
  try {
    return poolsFrom(written)[0];
  } catch {
    return undefined;
  }
}

test('whatever is configured: within the bounds, and nothing that is reserved', (t) => {
  fc.assert(
    fc.property(anyRange, (written) => {
      const pool = poolOrNone(written);
      const [range] = written.ranges.flat();
      if (!pool || !range) return;
      const { family, spans, subnets } = pool;
      const [subnet] = subnets;
      const never = new Set([range.gateway, ...written.exclude]);
      let count = 0n;
      for (const { first, last } of spans) {
        t.true(
          first >= addressOf(range.rangeStart ?? '').value && last <= addressOf(range.rangeEnd ?? '').value,
        );
        for (let value = first; value <= last; value++, count++) {
          t.false(never.has(family.format(value)));
          t.not(value, subnet?.base);
          if (family === IPv4 && subnet) t.not(value, lastOf(subnet));
        }
      }
      t.is(capacity(pool), count);
    }),
  );
});

test('whatever is configured: the successor visits every address once before it comes back', (t) => {
  fc.assert(
    fc.property(anyRange, (written) => {
      const pool = poolOrNone(written);
      if (!pool) return;
      const visited = new Set<bigint>();
      let value = successor(pool, undefined);
      for (; !visited.has(value); value = successor(pool, value)) {
        t.truthy(spanOf(pool, value));
        visited.add(value);
      }
      t.is(BigInt(visited.size), capacity(pool));
      t.is(value, successor(pool, undefined));
    }),
  );
});
