import test from 'ava';
import fc from 'fast-check';
import { decodeResult } from '../../../cmd/cni/result.ts';
import { versionOf } from '../../../cmd/cni/version.ts';
import { requestedPools, requestOf } from '../../../cmd/verbs/addressing.ts';
import { parseConfiguration, parseIpamConfiguration, parseLocator } from '../../../conf/configuration.ts';
import { Failure } from '../../../conf/failure.ts';
import { parseRuntimeConfig } from '../../../conf/runtime.ts';
import { preferenceOf } from '../../../ipam/preference.ts';

type Json = Readonly<Record<string, unknown>>;

const addressing = {
  dataDir: '/run/dualstack',
  podCIDRs: ['10.244.1.0/24', 'fd00::/64'],
  nodeIPs: ['192.0.2.1'],
  ipFamilies: ['IPv4', 'IPv6'],
  ipFamilyPolicy: 'RequireDualStack',
  ranges: [
    [{ subnet: '10.1.0.0/24', rangeStart: '10.1.0.5', rangeEnd: '10.1.0.9', gateway: '10.1.0.1' }],
    [{ subnet: 'fd01::/64' }],
  ],
  exclude: ['10.1.0.7'],
  gateways: ['10.1.0.1', 'fd01::1'],
  routes: [{ dst: '10.0.0.0/8', gw: '10.1.0.1', mtu: 1400, priority: 5, table: 100, scope: 0 }],
  dns: { nameservers: ['10.96.0.10'], domain: 'd', search: ['s'], options: ['o'] },
  resolvConf: '/etc/resolv.conf',
};

/** Every key that is read, with a good value. */
const whole: Json = {
  cniVersion: '1.1.0',
  name: 'pods',
  type: 'dualstack',
  ...addressing,
  mtu: 1500,
  ipMasq: { IPv4: true, IPv6: 'auto' },
  clusterCIDRs: ['10.0.0.0/8'],
  nonMasqueradeCIDRs: ['10.9.0.0/16'],
  spoofCheck: true,
  ipam: { type: 'dualstack-ipam', ...addressing },
  runtimeConfig: {
    ips: ['10.1.0.6'],
    mac: 'c2:11:22:33:44:55',
    ipRanges: [[{ subnet: '10.7.0.0/24' }]],
    bandwidth: { ingressRate: 1000, ingressBurst: 8000, egressRate: 0, egressBurst: 0 },
    portMappings: [{ hostPort: 80, containerPort: 8080, protocol: 'tcp', hostIP: '' }],
    dns: { servers: ['10.96.0.10'], searches: ['s'], options: ['o'] },
  },
  args: { cni: { ips: ['fd01::7'], mac: 'c2:11:22:33:44:55' } },
  prevResult: {
    interfaces: [{ name: 'eth0', mac: 'c2:11:22:33:44:55', mtu: 1500, sandbox: '/run/netns/a' }],
    ips: [{ address: '10.1.0.6/32', gateway: '10.1.0.1', interface: 0 }],
    routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }],
    dns: { nameservers: ['10.96.0.10'] },
  },
};

/** What each part of a call is read by. */
const readers: readonly ((input: Json) => unknown)[] = [
  versionOf,
  parseLocator,
  parseIpamConfiguration,
  ({ prevResult }) => decodeResult(prevResult),
  (input) => {
    const [configuration, runtimeConfig] = [
      parseConfiguration(input),
      parseRuntimeConfig(input['runtimeConfig']),
    ];
    requestOf({ input, runtimeConfig, args: new Map() });
    return preferenceOf(configuration, requestedPools({ configuration, runtimeConfig, wires: true }));
  },
];

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Object.entries(value).flatMap(([key, item]) =>
    pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return [path, ...entries];
}

function changed(value: unknown, [step, ...rest]: Path, item: unknown): unknown {
  if (step === undefined) return item;
  if (Array.isArray(value))
    return value.map((own, index) => (index === step ? changed(own, rest, item) : own));
  const own = Object(value) as Record<string, unknown>;
  return { ...own, [step]: changed(own[step], rest, item) };
}

const anything = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    false,
    true,
    [],
    {},
    [[]],
    [null],
    2 ** 53,
    1e308,
    0.5,
    '\u200b',
    '0',
    '/',
  ),
  fc.constantFrom<unknown>(
    '::',
    '0.0.0.0/0',
    '::/0',
    '::ffff:10.0.0.1',
    '10.1.0.1',
    'fd01::/128',
    '10.1.0.0/31',
  ),
  fc.constantFrom<unknown>(
    'x'.repeat(100_000),
    Array(2000).fill('10.1.0.1'),
    JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`),
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

const mutated = fc
  .array(fc.tuple(fc.constantFrom(...pathsOf(whole).slice(1)), anything), { minLength: 1, maxLength: 3 })
  .map(
    (changes) => changes.reduce((input: unknown, [path, item]) => changed(input, path, item), whole) as Json,
  );

test('whatever stands where something else should, the answer is a sentence with a code of CNI', (t) => {
  fc.assert(
    fc.property(mutated, (input) => {
      for (const read of readers) {
        try {
          read(input);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          t.true([1, 6, 7].includes(error.code), `${error.code}: ${error.message}`);
          t.true(error.message.length < 4000 && !error.message.includes('\n'), error.message);
        }
      }
    }),
    { numRuns: 1000 },
  );
});
