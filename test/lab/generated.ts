import fc from 'fast-check';
import type { Environment } from '../../cmd/cni/environment.ts';
import type { Outcome } from '../../netns/process/exec.ts';
import type { Reply } from './expected-runs.ts';
import { podNamespaces } from './in-process.ts';
import { systemPath } from './namespaces.ts';

/*
 * Calls of the plugin as a broken runtime, a careless operator or a hostile pod would make them. Most are nearly
 * right, so that they get far.
 */

/** Stands in a generated configuration for what the last ADD of the same attachment answered. */
export const lastResult = '<the last result>';
/** Stands for the folder of the store: the only one that a configuration may name with success. */
export const storeFolder = '<the folder>';

export interface GeneratedCall {
  readonly verb: string;
  readonly isIpam: boolean;
  readonly environment: Environment;
  /** Text, or an object that is written as JSON. */
  readonly input: string | Readonly<Record<string, unknown>>;
  /** Whether it is about what was last added, with the same configuration. */
  readonly repeats: boolean;
  /** The program that ends in another way, counted from 1, and how. */
  readonly interference: { readonly index: number; readonly outcome: Outcome } | undefined;
  /** What a delegate answers. */
  readonly delegate: Reply;
}

/** One of the good values; every so often anything else. */
function mostly<T, U>(good: fc.Arbitrary<T>, otherwise: fc.Arbitrary<U>, weight = 20): fc.Arbitrary<T | U> {
  return fc.oneof({ arbitrary: good, weight }, { arbitrary: otherwise, weight: 1 });
}

/** Nothing at all, but one time in so many. */
function seldom<T>(value: fc.Arbitrary<T>, times: number): fc.Arbitrary<T | undefined> {
  return mostly(fc.constant(undefined), value, times - 1);
}

const hostile = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    '../../etc/passwd',
    '/etc/passwd',
    'a\0b',
    'a\nb',
    '$(id)',
    '-rf',
    '%s%n',
    '😀',
  ),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'a#b',
    '"a',
    'a b',
    'last_reserved_ip.0',
    '10.0.0.2',
    '.dualstack',
  ),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constant('x'.repeat(5000)),
);

const anything = fc.oneof(
  hostile,
  fc.constant(null),
  fc.jsonValue({ maxDepth: 3 }),
  fc.integer(),
  fc.constant([]),
);

const addresses = fc.constantFrom(
  ...['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.1.9', '192.0.2.10', '0.0.0.0', '255.255.255.255'],
  ...[
    'fd00::',
    'fd00::1',
    'fd00::2',
    'fd00::3',
    'fd01::7',
    '2001:db8::10',
    '::',
    'fe80::1',
    '::ffff:10.0.0.2',
  ],
);
const cidrs = fc.constantFrom(
  ...['10.0.0.0/29', '10.0.0.0/30', '10.0.1.0/24', '10.0.0.0/32', '10.0.0.4/31', '0.0.0.0/0', '10.0.0.1/24'],
  ...['fd00::/64', 'fd00::/126', 'fd01::/127', 'fd00::/128', '::/0', 'fd00::1/64'],
);
const podCIDRs = fc.constantFrom(
  ['10.0.0.0/29', 'fd00::/64'],
  ['fd00::/126', '10.0.1.0/24'],
  ['10.0.0.0/30', 'fd01::/64', '10.0.1.0/29'],
  ['10.0.0.0/29'],
  ['10.0.0.4/31', 'fd01::/127'],
  ['fd00::/64'],
);

const range = fc.record(
  { subnet: cidrs, rangeStart: addresses, rangeEnd: addresses, gateway: addresses },
  { requiredKeys: ['subnet'] },
);
const ranges = fc.array(fc.array(range, { minLength: 1, maxLength: 2 }), { maxLength: 3 });
const route = fc.record(
  { dst: cidrs, gw: addresses, mtu: fc.integer(), priority: fc.nat(), table: fc.nat(), scope: fc.nat(255) },
  { requiredKeys: ['dst'] },
);
const strings = fc.array(hostile, { maxLength: 2 });
const dns = fc.record({ nameservers: strings, search: strings, domain: hostile }, { requiredKeys: [] });

/** A record of which every key comes one time in so many, and may then be anything. */
function keysOf(fields: Record<string, fc.Arbitrary<unknown>>, times: number): fc.Arbitrary<object> {
  const entries = Object.entries(fields).map(([key, value]) =>
    seldom(mostly(value, anything, 12), times).map((one) => [key, one] as const),
  );
  return fc
    .tuple(...entries)
    .map((pairs) => Object.fromEntries(pairs.filter(([, one]) => one !== undefined)));
}

const runtimeConfig = keysOf(
  {
    ips: fc.array(addresses, { maxLength: 2 }),
    mac: fc.constantFrom('c2:11:22:33:44:55', '01:00:00:00:00:00'),
    ipRanges: ranges,
    dns: fc.record({ servers: strings, Searches: strings }, { requiredKeys: [] }),
    portMappings: fc.array(
      fc.record({
        hostPort: fc.constantFrom(80, 8080, 0),
        ContainerPort: fc.constantFrom(80, 0, 65_536),
        Protocol: fc.constantFrom('tcp', 'UDP', 'icmp'),
        hostIP: fc.constantFrom('', '0.0.0.0', '192.0.2.10', '::1'),
      }),
      { maxLength: 2 },
    ),
    bandwidth: fc.constantFrom({ ingressRate: 1_000_000, ingressBurst: 80_000 }, { egressRate: 1 }),
  },
  4,
);

const attachments = fc.array(
  fc.record({ containerID: fc.constantFrom('c1', 'c2'), ifname: fc.constantFrom('eth0', 'eth1') }),
  { maxLength: 2 },
);

/** What belongs to addresses: a key of the plugin, or of the `ipam` object when we are the IPAM plugin. */
const addressing = fc
  .tuple(
    fc.record({
      dataDir: mostly(
        fc.constant(storeFolder),
        // Nothing would be the default, which is this machine's own.
        fc.constantFrom('relative', '/x/../y', 7, '/a\0b'),
        60,
      ),
      podCIDRs: mostly(podCIDRs, fc.oneof(anything, fc.array(cidrs)), 30),
    }),
    keysOf(
      {
        nodeIPs: fc.array(addresses, { maxLength: 3 }),
        ipFamilies: fc.constantFrom(['IPv4'], ['IPv6', 'IPv4'], ['IPv4', 'IPv6']),
        ipFamilyPolicy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
        exclude: fc.array(fc.oneof(addresses, cidrs), { maxLength: 2 }),
      },
      8,
    ),
    keysOf({ ranges, gateway: addresses, gateways: fc.array(addresses), routes: fc.array(route), dns }, 30),
  )
  .map((parts) => Object.assign({}, ...parts) as Record<string, unknown>);

const versions = fc.constantFrom(...Array(6).fill('1.1.0'), '1.0.0', '0.4.0', '0.3.1', '0.2.0');

/** Of a plugin that is before us in a chain. */
const earlierResult = { interfaces: [{ name: 'net1' }], ips: [{ address: '192.0.2.7/24', interface: 0 }] };

/** What belongs to the plugin, or to the runtime. */
const common = fc
  .tuple(
    fc.record({
      cniVersion: mostly(versions, fc.oneof(anything, fc.constant(undefined))),
      name: mostly(fc.constantFrom('pods', 'pods', 'others'), anything),
      type: fc.constant('dualstack'),
      prevResult: mostly(fc.constant(lastResult), fc.oneof(anything, fc.constant(earlierResult))),
    }),
    keysOf(
      {
        mtu: fc.integer({ min: 0, max: 70_000 }),
        sysctls: fc.boolean(),
        ipMasq: fc.constantFrom(true, false, 'auto', { IPv4: false }),
        clusterCIDRs: fc.array(cidrs, { maxLength: 2 }),
        spoofCheck: fc.boolean(),
        runtimeConfig,
        args: fc.record({ cni: fc.record({ ips: fc.array(addresses, { maxLength: 2 }) }) }),
        'cni.dev/valid-attachments': attachments,
        'cni.dev/attachments': attachments,
      },
      15,
    ),
    seldom(fc.dictionary(hostile, anything, { maxKeys: 1 }), 60),
  )
  .map((parts) => Object.assign({}, ...parts) as Record<string, unknown>);

const delegation = seldom(fc.record({ type: mostly(fc.constant('delegate'), anything), subnet: cidrs }), 15);

/** Another plugin's network: it is none of ours. */
function bridged({ name }: Record<string, unknown>): object {
  return { type: 'bridge', name: ['pods', 'others'].includes(String(name)) ? `bridged-${name}` : name };
}

function configuration(isIpam: boolean): fc.Arbitrary<Record<string, unknown>> {
  return fc
    .tuple(common, addressing, delegation)
    .map(([plugin, own, ipam]) =>
      isIpam
        ? { ...plugin, ...bridged(plugin), ipam: { type: 'dualstack-ipam', ...own } }
        : { ...plugin, ...own, ...(ipam && { ipam }) },
    );
}

const text = fc.oneof(
  hostile,
  fc.json(),
  fc.constantFrom('{', '[]', 'null', '{"cniVersion":"1.1.0"', '{"cniVersion":"1.1.0","name":"pods",}'),
  fc.constant(`${'['.repeat(20_000)}${']'.repeat(20_000)}`),
);

const environment = fc.record({
  PATH: fc.constant(systemPath),
  CNI_CONTAINERID: mostly(fc.constantFrom('c1', 'c2', 'c3', 'c4'), hostile, 40),
  CNI_IFNAME: mostly(fc.constantFrom('eth0', 'eth0', 'eth1'), hostile, 40),
  CNI_NETNS: mostly(
    fc.constantFrom(...podNamespaces.slice(0, 4)),
    fc.oneof(hostile, fc.constantFrom('/proc/self/ns/net', '/etc/hostname', '/run/netns/nowhere', undefined)),
  ),
  CNI_PATH: mostly(
    fc.constantFrom('/usr/bin:/nowhere', '<delegates>'),
    fc.oneof(hostile, fc.constant(undefined)),
  ),
  CNI_NETNS_OVERRIDE: fc.constantFrom(undefined, undefined, '1', 'no'),
  CNI_ARGS: mostly(
    fc.constantFrom(undefined, '', 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0'),
    fc.oneof(hostile, fc.constantFrom('IP=10.0.0.3', 'IP=10.0.0.3,fd00::3', 'IgnoreUnknown=1;IP=x', 'A=b')),
    8,
  ),
});

const outcomes: fc.Arbitrary<Outcome> = fc.constantFrom(
  { kind: 'missing' },
  { kind: 'not started', errno: 'EMFILE' },
  { kind: 'late', milliseconds: 10_000 },
  { kind: 'killed', signal: 'SIGKILL' },
  { kind: 'failed', status: 1 },
);

const delegate: fc.Arbitrary<Reply> = mostly(
  fc.constantFrom(
    { stdout: '{"cniVersion":"1.1.0","ips":[{"address":"10.9.0.7/24","gateway":"10.9.0.1"}]}' },
    { stdout: '{"ip6":{"ip":"fd09::7/64"}}' },
  ),
  fc.oneof(
    fc.record({ stdout: fc.oneof(hostile, fc.json()) }),
    fc.record({ stdout: fc.constantFrom('{"code":11,"msg":"later"}', '{"msg":7}', ''), outcome: outcomes }),
  ),
  3,
);

const verbs = fc.constantFrom(
  ...[
    'ADD',
    'ADD',
    'ADD',
    'ADD',
    'ADD',
    'ADD',
    'DEL',
    'DEL',
    'CHECK',
    'CHECK',
    'CHECK',
    'GC',
    'STATUS',
    'VERSION',
  ],
);

export const generatedCall: fc.Arbitrary<GeneratedCall> = fc
  .boolean()
  .chain((coin) => fc.tuple(fc.constant(coin), fc.nat(3)))
  .chain(([coin, die]) => {
    const isIpam = coin && die === 0;
    return fc.record({
      verb: mostly(verbs, hostile, 60),
      isIpam: fc.constant(isIpam),
      environment,
      repeats: fc.boolean(),
      input: mostly(configuration(isIpam), text, 25),
      interference: seldom(fc.record({ index: fc.integer({ min: 1, max: 7 }), outcome: outcomes }), 15),
      delegate,
    });
  });
