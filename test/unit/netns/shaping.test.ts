import test from 'ava';
import { Failure } from '../../../conf/failure.ts';
import { parseRuntimeConfig } from '../../../conf/runtime.ts';
import { bucketOf, planShaping, type Qdisc, shapingProblems } from '../../../netns/shaping/shaping.ts';

const limit = { rate: 20_000_000, burst: 1_000_000 };

test('a limit in bits is a token bucket in bytes, with a queue of 25 ms behind the burst', (t) => {
  t.deepEqual(planShaping(limit, 'eth0', 1500), [
    'qdisc add dev eth0 root tbf rate 20000000bit burst 125000b limit 187500b',
  ]);
});

test('a burst holds at least one packet of the link', (t) => {
  t.deepEqual(planShaping({ rate: 8, burst: 8 }, 'eth0', 9000), [
    'qdisc add dev eth0 root tbf rate 8bit burst 9014b limit 9015b',
  ]);
});

for (const [rate, burst] of [
  [1e6, 131_072],
  [10e6, 131_072],
  [100e6, 312_500],
  [1e9, 3_125_000],
  [2 ** 64, 2 ** 32 - 1],
] as const) {
  test(`a burst that no one asked for is cut to what a rate of ${rate} needs`, (t) => {
    for (const none of [2 ** 32 - 1, 2 ** 31 - 1, 2 ** 63, 2 ** 64]) {
      const limited = { rate, burst: none };
      t.is(bucketOf(limited, 1500).burst, burst);
      const made = shaper(Math.floor(rate / 8), burst);
      t.deepEqual(shapingProblems(limited, 'eth0', 1500, made), []);
    }
    t.true(bucketOf({ rate, burst: 2 ** 32 - 9 }, 1500).burst > 5e8, 'what is asked for stays');
  });
}

test('the kernel’s largest numbers are written out', (t) => {
  t.deepEqual(planShaping({ rate: 2 ** 64, burst: 8 * (2 ** 32 - 1) }, 'eth0', 1500), [
    'qdisc add dev eth0 root tbf rate 18446744073709551616bit burst 4294967295b limit 4294967295b',
  ]);
});

function shaper(rate: number, burst: number): Qdisc[] {
  return [{ kind: 'tbf', root: true, options: { rate, burst } }];
}

const judgements: [string, Qdisc[], string[]][] = [
  ['as planned', shaper(2_500_000, 125_000), []],
  ['as tc rounds it', shaper(2_500_000, 124_998), []],
  [
    'no shaper',
    [{ kind: 'noqueue', root: true }],
    ['the limit of 20000000 bits per second is missing on eth0'],
  ],
  ['another’s child', [{ kind: 'tbf' }], ['the limit of 20000000 bits per second is missing on eth0']],
  [
    'another rate',
    shaper(1_250_000, 125_000),
    ['the limit on eth0 is 10000000 bits per second, not 20000000 as requested'],
  ],
  [
    'another burst',
    shaper(2_500_000, 126_000),
    ['the burst on eth0 is 1008000 bits, not 1000000 as requested'],
  ],
];

for (const [what, qdiscs, expected] of judgements) {
  test(`what the kernel has is judged: ${what}`, (t) => {
    t.deepEqual(shapingProblems(limit, 'eth0', 1500, qdiscs), expected);
  });
}

test('a burst that takes longer than tc can tell is not held against the kernel', (t) => {
  const most = { rate: 10_000_000, burst: 2 ** 32 - 9 };
  t.deepEqual(shapingProblems(most, 'eth0', 1500, shaper(1_250_000, 193_273_526)), []);
});

const bits = { ingressRate: 1000, ingressBurst: 2000, egressRate: 3000, egressBurst: 4000 };

/** containerd writes the names of its Go fields, and this burst for the annotations of a pod, which have none. */
const containerds = { IngressRate: 10_000_000, IngressBurst: 4_294_967_295, EgressRate: 0, EgressBurst: 0 };

const requests: [string, unknown, unknown][] = [
  ['nothing', undefined, undefined],
  ['null', null, undefined],
  ['zeros', { ingressRate: 0, egressBurst: 0 }, {}],
  ['both directions', bits, { ingress: { rate: 1000, burst: 2000 }, egress: { rate: 3000, burst: 4000 } }],
  ['as containerd sends it', containerds, { ingress: { rate: 10_000_000, burst: 4_294_967_295 } }],
  ['one direction', { egressRate: 8, egressBurst: 8 }, { egress: { rate: 8, burst: 8 } }],
];

for (const [what, input, expected] of requests) {
  test(`the bandwidth capability is read: ${what}`, (t) => {
    t.deepEqual<unknown, unknown>(parseRuntimeConfig({ bandwidth: input }).bandwidth, expected);
  });
}

const must = 'must be a whole number of bits';
const refusals: [string, object, string][] = [
  ['no burst', { ingressRate: 8 }, 'has ingressRate and no ingressBurst: a limit has both'],
  ['no rate', { egressBurst: 8 }, 'has egressBurst and no egressRate: a limit has both'],
  ['less than a byte', { egressBurst: 7 }, `${must}, 0 or from 8 to 34359738360`],
  ['a fraction', { egressRate: 8.5 }, `${must} per second, 0 or from 8 to 18446744073709552000`],
];

for (const [what, more, message] of refusals) {
  test(`a bandwidth is refused: ${what}`, (t) => {
    const error = t.throws(() => parseRuntimeConfig({ bandwidth: more }), { instanceOf: Failure });
    t.is(error?.code, 7);
    t.true(error?.message.endsWith(message), error?.message);
  });
}
