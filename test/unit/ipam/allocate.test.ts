import test from 'ava';
import fc from 'fast-check';
import { Failure } from '../../../conf/failure.ts';
import { formatAddress } from '../../../conf/family.ts';
import { allocate, type Lease } from '../../../ipam/allocate.ts';
import { capacity, spanOf } from '../../../ipam/pool.ts';
import { MemoryStore } from '../../lab/memory-store.ts';
import { addressOf, preferenceFrom } from '../../lab/pools.ts';

const dual = { podCIDRs: ['10.0.0.0/24', 'fd00::/64'] };
/** Five addresses, and a single one. */
const small = { podCIDRs: ['10.0.0.0/29', 'fd00::/126'], exclude: ['fd00::3'] };

function attachment(containerID: string) {
  return { containerID, ifname: 'eth0' };
}

function addresses(lease: Lease): string[] {
  return lease.addresses.map(({ address }) => formatAddress(address));
}

/** Takes a lease as ADD does: what was taken by the time of an error is given back. */
function take(written: object, store: MemoryStore, containerID: string, requested: readonly string[] = []) {
  try {
    return allocate(preferenceFrom({ ...written }), store, attachment(containerID), requested.map(addressOf));
  } catch (error) {
    store.release(attachment(containerID));
    throw error;
  }
}

test('a lease is one address of each family, with its subnet’s prefix length and gateway', (t) => {
  const lease = take(dual, new MemoryStore(), 'a');
  t.deepEqual(
    lease.addresses.map(({ address, prefix, gateway }) => [
      `${formatAddress(address)}/${prefix}`,
      formatAddress(gateway),
    ]),
    [
      ['10.0.0.2/24', '10.0.0.1'],
      ['fd00::2/64', 'fd00::1'],
    ],
  );
  t.deepEqual(lease.warnings, []);
});

test('the order that is reported is no order of taking: IPv6 follows IPv4', (t) => {
  const lease = take(
    { ...dual, exclude: ['10.0.0.2/31'], ipFamilies: ['IPv6', 'IPv4'] },
    new MemoryStore(),
    'a',
  );
  t.deepEqual(addresses(lease), ['fd00::4', '10.0.0.4']);
});

test('IPv6 takes over the host number, from the first subnet that has it free', (t) => {
  const store = new MemoryStore();
  const written = { podCIDRs: ['10.0.0.0/24', 'fd00::/64', 'fd01::/64'] };
  store.reserve(attachment('other'), 'fd00::2');
  t.deepEqual(addresses(take(written, store, 'a')), ['10.0.0.2', 'fd01::2']);
  store.reserve(attachment('other'), 'fd00::3');
  store.reserve(attachment('other'), 'fd01::3');
  t.deepEqual(addresses(take(written, store, 'b')), ['10.0.0.3', 'fd01::4']);
});

test('round robin: a freed address rests until all others were given', (t) => {
  const store = new MemoryStore();
  const written = { podCIDRs: ['10.0.0.0/29'] };
  t.deepEqual(addresses(take(written, store, 'a')), ['10.0.0.2']);
  store.release(attachment('a'));
  const given = Array.from({ length: 6 }, (_, index) => {
    const [address] = addresses(take(written, store, `b${index}`));
    store.release(attachment(`b${index}`));
    return address;
  });
  t.deepEqual(given, ['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.2', '10.0.0.3']);
});

test('each family goes on from where it was, across calls and pools', (t) => {
  const store = new MemoryStore();
  take({ podCIDRs: ['fd00::/64'] }, store, 'a');
  t.is(store.lastGiven(0), 'fd00::2');
  t.is(store.lastGiven(1), undefined);
  t.deepEqual(addresses(take({ podCIDRs: ['fd00::/64', '10.0.0.0/24'] }, store, 'b')), [
    'fd00::3',
    '10.0.0.2',
  ]);
});

test('what was given last is a hint: nonsense, or an address of another pool, means the start', (t) => {
  for (const nonsense of ['', 'nonsense', '192.0.2.1', 'fd00::7', '10.0.0.999']) {
    const store = new MemoryStore();
    store.remember(attachment('a'), 0, nonsense);
    t.deepEqual(addresses(take({ podCIDRs: ['10.0.0.0/24'] }, store, 'a')), ['10.0.0.2']);
  }
});

test('a pool is exhausted exactly when every address is leased, and says so', (t) => {
  const store = new MemoryStore();
  const written = { podCIDRs: ['10.0.0.0/29'] };
  for (let index = 0; index < 5; index++) take(written, store, `c${index}`);
  const error = t.throws(() => take(written, store, 'late'), { instanceOf: Failure });
  t.is(error.code, 100);
  t.is(error.message, 'no IPv4 address is left in 10.0.0.0/29 (5 addresses)');
  t.regex(error.details, /^all 5 are leased, and none to a pod that is gone: delete pods, or /);
  store.release(attachment('c3'));
  t.deepEqual(addresses(take(written, store, 'later')), ['10.0.0.5']);
});

test('an exhausted family fails a pod that must have both, and nothing stays taken', (t) => {
  const store = new MemoryStore();
  take(small, store, 'a');
  const error = t.throws(() => take(small, store, 'b'), { instanceOf: Failure });
  t.is(error.message, 'no IPv6 address is left in fd00::/126 (1 address)');
  t.deepEqual([...store.leases.keys()], ['10.0.0.2', 'fd00::2']);
});

test('with PreferDualStack one exhausted family is a warning, and both are a failure', (t) => {
  const store = new MemoryStore();
  const written = { ...small, ipFamilyPolicy: 'PreferDualStack' };
  take(written, store, 'a');
  const lease = take(written, store, 'b');
  t.deepEqual(addresses(lease), ['10.0.0.3']);
  t.deepEqual(lease.warnings, ['no IPv6 address is left in fd00::/126 (1 address)']);
  for (let index = 0; index < 3; index++) take(written, store, `c${index}`);
  t.throws(() => take(written, store, 'late'), { message: /^no IPv4 address is left/ });
});

test('an ADD does not look at all leases, however many there are', (t) => {
  const store = new MemoryStore();
  const written = { podCIDRs: ['10.0.0.0/16', 'fd00::/64'] };
  for (let index = 0; index < 2000; index++) take(written, store, `c${index}`);
  t.is(store.scans, 0);
});

test('past many taken addresses in a row, all leases are looked at once', (t) => {
  const store = new MemoryStore();
  for (let value = 2; value < 200; value++) store.reserve(attachment('other'), `10.0.0.${value}`);
  t.deepEqual(addresses(take({ podCIDRs: ['10.0.0.0/24'] }, store, 'a')), ['10.0.0.200']);
  t.is(store.scans, 1);
});

test('what is asked for is given, and moves no round robin', (t) => {
  const store = new MemoryStore();
  t.deepEqual(addresses(take(dual, store, 'a', ['fd00::abc', '10.0.0.77'])), ['10.0.0.77', 'fd00::abc']);
  t.deepEqual(addresses(take(dual, store, 'b')), ['10.0.0.2', 'fd00::2']);
});

test('the other family of what is asked for pairs with it', (t) => {
  t.deepEqual(addresses(take(dual, new MemoryStore(), 'a', ['10.0.0.77'])), ['10.0.0.77', 'fd00::4d']);
  t.deepEqual(addresses(take(dual, new MemoryStore(), 'a', ['fd00::77'])), ['10.0.0.2', 'fd00::77']);
});

const refusals: [string[], number, string][] = [
  [['10.0.0.9'], 101, '10.0.0.9 was requested, but other has it'],
  [['10.0.0.1'], 7, '10.0.0.1 was requested, but 10.0.0.0/24 (253 addresses) does not assign it'],
  [['10.0.0.255'], 7, '10.0.0.255 was requested, but 10.0.0.0/24 (253 addresses) does not assign it'],
  [['fd00::'], 7, `fd00:: was requested, but fd00::/64 (${2n ** 64n - 2n} addresses) does not assign it`],
  [['192.0.2.1'], 7, '192.0.2.1 was requested, but 10.0.0.0/24 (253 addresses) does not assign it'],
  [['10.0.0.8', '10.0.0.7'], 7, '10.0.0.7 was requested as a second IPv4 address: a pod gets one'],
];

for (const [requested, code, message] of refusals) {
  test(`asked for ${requested.join(' and ')}: ${message}`, (t) => {
    const store = new MemoryStore();
    store.reserve(attachment('other'), '10.0.0.9');
    const error = t.throws(() => take(dual, store, 'a', requested), { instanceOf: Failure });
    t.is(error.code, code);
    t.is(error.message, message);
    t.deepEqual([...store.leases.keys()], ['10.0.0.9']);
  });
}

test('asked for in a family that the pod does not get', (t) => {
  const written = { ...dual, ipFamilies: ['IPv4'] };
  t.throws(() => take(written, new MemoryStore(), 'a', ['fd00::9']), {
    message: 'fd00::9 was requested, but the pod gets no IPv6 address',
  });
});

/** A step of a node's life: a pod comes, or the nth of those that are there goes. */
const life = fc.array(fc.oneof(fc.constant('add' as const), fc.nat(30)), { maxLength: 120 });

const configurations = fc.constantFrom(
  small,
  { podCIDRs: ['10.0.0.0/28', 'fd00::/64'] },
  { podCIDRs: ['fd00::/124', '10.0.0.0/29', '10.0.1.0/29'], exclude: ['10.0.0.4'] },
  { podCIDRs: ['10.0.0.0/28', 'fd00::/125'], ipFamilyPolicy: 'PreferDualStack' },
  { podCIDRs: ['10.0.0.0/30', 'fd00::/64'], ipFamilies: ['IPv6'] },
);

test('through any life of a node: no address twice, all from the pools, a failure only when one is full', (t) => {
  fc.assert(
    fc.property(configurations, life, (written, steps) => {
      const store = new MemoryStore();
      const { pools, lenient } = preferenceFrom({ ...written });
      const used = (family: string) =>
        BigInt([...store.leases.keys()].filter((text) => addressOf(text).family.name === family).length);
      const alive: string[] = [];
      steps.forEach((step, index) => {
        if (step !== 'add') {
          const [gone] = alive.splice(step % Math.max(alive.length, 1), 1);
          if (gone) store.release(attachment(gone));
          return;
        }
        const before = new Set(store.leases.keys());
        const full = pools.filter((pool) => used(pool.family.name) === capacity(pool));
        const mayFail = lenient ? full.length === pools.length : full.length > 0;
        if (mayFail) {
          t.throws(() => take(written, store, `c${index}`), { instanceOf: Failure });
          t.deepEqual(new Set(store.leases.keys()), before);
          return;
        }
        const lease = take(written, store, `c${index}`);
        alive.push(`c${index}`);
        t.is(lease.addresses.length, pools.length - full.length);
        for (const { address } of lease.addresses) {
          const pool = pools.find(({ family }) => family === address.family);
          t.truthy(pool && spanOf(pool, address.value));
          t.false(before.has(formatAddress(address)));
          t.is(store.holder(formatAddress(address)), `c${index}`);
        }
      });
    }),
  );
});
