import test from 'ava';
import { parseConfiguration, parseIpamConfiguration, parseLocator } from '../../../conf/configuration.ts';
import { Failure } from '../../../conf/failure.ts';
import { formatCidr } from '../../../conf/family.ts';

type Input = Readonly<Record<string, unknown>>;

test('what is not said has its default', (t) => {
  t.deepEqual<unknown, unknown>(parseConfiguration({ name: 'pods' }), {
    name: 'pods',
    dataDir: '/run/dualstack',
    podCIDRs: [],
    nodeIPs: [],
    exclude: [],
    gateways: [],
    notReadyWhenFull: false,
    ipMasq: 'auto',
    masqLinkLocal: true,
    masqLinkLocalIPv6: false,
    clusterCIDRs: [],
    nonMasqueradeCIDRs: [],
    spoofCheck: true,
    sysctls: true,
  });
});

test('addresses and CIDRs come out parsed, in their order', (t) => {
  const { podCIDRs, exclude } = parseConfiguration({
    name: 'pods',
    podCIDRs: ['FD00:10:244:1::/64', '10.244.1.0/24'],
    exclude: ['10.244.1.9', '10.244.1.16/28'],
  });
  t.deepEqual(podCIDRs.map(formatCidr), ['fd00:10:244:1::/64', '10.244.1.0/24']);
  t.deepEqual(exclude.map(formatCidr), ['10.244.1.9/32', '10.244.1.16/28']);
});

test('keys of the runtime and of the specification are not ours to check', (t) => {
  const foreign = {
    cniVersion: '1.1.0',
    type: 'dualstack',
    capabilities: { ips: true },
    runtimeConfig: { whatever: 1 },
    args: 7,
    prevResult: null,
    'cni.dev/attachments': null,
    'cni.dev/valid-attachments': [],
    'cni.dev/whatever comes': {},
  };
  t.is(parseConfiguration({ name: 'pods', ...foreign }).name, 'pods');
});

test('the keys of a delegate are its own', (t) => {
  const { ipam } = parseConfiguration({ name: 'pods', ipam: { type: 'host-local', subnet: 7 } });
  t.deepEqual<unknown, unknown>(ipam, { type: 'host-local', subnet: 7 });
});

const cidr = 'a CIDR without host bits, like "10.244.1.0/24" or "fd00:10:244:1::/64"';
const badName = 'name must start with a letter or digit, and contain only letters, digits, "_", "." and "-"';
const badPath = 'dataDir must be an absolute path without ".."';
const unsigned = 'must be a whole number of 32 bits';
const orNone = ': leave it out, or a number';

/** What is changed in a good configuration, and the message without its beginning. */
const refused: [Input, string][] = [
  [{ name: undefined }, 'name must be a string'],
  [{ name: '../etc' }, badName],
  [{ name: '.hidden' }, badName],
  [{ name: 'pods\n' }, badName],
  [{ name: 'n'.repeat(256) }, 'name must not be longer than 255 characters'],
  [{ type: 7 }, 'type must be a string'],
  [{ dataDir: 7 }, 'dataDir must be a path'],
  [{ dataDir: 'var/lib' }, badPath],
  [{ dataDir: '/var/../etc' }, badPath],
  [{ dataDir: '/var/lib\0' }, badPath],
  [{ dataDir: `/${'d'.repeat(2047)}` }, badPath],
  [{ podCIDRs: '10.244.1.0/24' }, 'podCIDRs must be a list of CIDRs'],
  [{ podCIDRs: ['10.244.1.0/24', 7] }, `podCIDRs[1] must be ${cidr}`],
  [{ podCIDRs: ['10.244.1.7/24'] }, `podCIDRs[0] must be ${cidr}, not "10.244.1.7/24"`],
  [{ nodeIPs: ['node-1'] }, 'nodeIPs[0] must be an IP address, not "node-1"'],
  [{ nodeIPs: ['::ffff:192.0.2.10'] }, 'nodeIPs[0] must be an IP address, not "::ffff:192.0.2.10"'],
  [{ ipFamilies: 'IPv4' }, 'ipFamilies must be a list of "IPv4" and "IPv6"'],
  [{ ipFamilies: ['IPv4', 'ipv6'] }, 'ipFamilies[1] must be "IPv4" or "IPv6"'],
  [
    { ipFamilyPolicy: 'DualStack' },
    'ipFamilyPolicy must be "SingleStack", "PreferDualStack" or "RequireDualStack"',
  ],
  [{ ranges: { subnet: 1 } }, 'ranges must be a list of lists of ranges'],
  [{ ranges: [{ subnet: '10.0.0.0/24' }] }, 'ranges[0] must be a list of ranges'],
  [{ ranges: [[]] }, 'ranges[0] must hold a range'],
  [{ ranges: [[7]] }, 'ranges[0][0] must be an object'],
  [{ ranges: [[{}]] }, `ranges[0][0].subnet must be ${cidr}`],
  [
    { ranges: [[{ subnet: '10.0.0.0/24', rangeEnd: '10.0.0.256' }]] },
    'ranges[0][0].rangeEnd must be an IP address, not "10.0.0.256"',
  ],
  [
    { exclude: ['10.0.0.1/8'] },
    'exclude[0] must be an IP address or a CIDR without host bits, not "10.0.0.1/8"',
  ],
  [{ gateway: '10.244.1.1/24' }, 'gateway must be an IP address, not "10.244.1.1/24"'],
  [{ gateways: '10.244.1.1' }, 'gateways must be a list of IP addresses'],
  [{ routes: { dst: 1 } }, 'routes must be a list of routes'],
  [{ routes: ['10.0.0.0/8'] }, 'routes[0] must be an object'],
  [
    { routes: [{ dst: 'default', gw: 7, mtu: 1.5, advmss: -1, priority: 'x', table: 2 ** 32, scope: '1' }] },
    `routes[0].dst must be ${cidr}, not "default"; routes[0].gw must be an IP address; ` +
      `routes[0].mtu must be a whole number of bytes${orNone}; routes[0].advmss ${unsigned}; ` +
      `routes[0].priority ${unsigned}${orNone}; routes[0].table ${unsigned}; routes[0].scope ${unsigned}${orNone}`,
  ],
  [{ dns: ['x'] }, 'dns must be an object'],
  [{ dns: { search: 'local' } }, 'dns.search must be a list of strings'],
  [
    { dns: { nameservers: [7], domain: 7 } },
    'dns.nameservers[0] must be a string; dns.domain must be a string',
  ],
  [{ resolvConf: 'resolv.conf' }, 'resolvConf must be an absolute path without ".."'],
  [{ mtu: '1500' }, `mtu must be a whole number of bytes${orNone}`],
  [{ mtu: 67 }, 'mtu must be between 68 and 65535 bytes'],
  [{ mtu: 65536 }, 'mtu must be between 68 and 65535 bytes'],
  [{ sysctls: 'no' }, 'sysctls must be true or false'],
  [{ spoofCheck: 0 }, 'spoofCheck must be true or false'],
  ...['yes', 7, { IPv4: 'no' }].map((ipMasq): [object, string] => [
    { ipMasq },
    'ipMasq must be true, false, "auto", or one of these for each of "IPv4" and "IPv6"',
  ]),
  [{ ipMasq: { IPv5: true } }, 'unknown key "IPv5" in ipMasq: did you mean "IPv4"?'],
  [{ clusterCIDRs: ['10.0.0.1/8'] }, `clusterCIDRs[0] must be ${cidr}, not "10.0.0.1/8"`],
  [
    { nonMasqueradeCIDRs: ['all'] },
    'nonMasqueradeCIDRs[0] must be an IP address or a CIDR without host bits, not "all"',
  ],
  [{ ipam: 'host-local' }, 'ipam must be an object with the type of an IPAM plugin'],
  [{ ipam: { subnet: '10.0.0.0/24' } }, 'ipam.type must be the name of a plugin'],
  [{ ipam: { type: '', subnet: '10.0.0.0/24' } }, 'ipam.type must be the name of a plugin'],
  [{ ipam: { type: '../host-local' } }, 'ipam.type must be the name of a plugin, not a path'],
  // A key that nobody knows, and the one that was meant.
  [{ podCidrs: [] }, 'unknown key "podCidrs": did you mean "podCIDRs"?'],
  [{ ipFamiliy: [] }, 'unknown key "ipFamiliy": did you mean "ipFamilies"?'],
  [{ hairpinMode: true }, 'unknown key "hairpinMode"'],
  [
    { mtuu: 1, sysctl: false },
    'unknown key "mtuu": did you mean "mtu"?; unknown key "sysctl": did you mean "sysctls"?',
  ],
  [
    {
      routes: [
        { dst: '10.0.0.0/8', metric: 1 },
        { dst: '10.0.0.0/8', prio: 1 },
      ],
    },
    'unknown key "metric" in routes[0]; unknown key "prio" in routes[1]: did you mean "priority"?',
  ],
  [
    { ranges: [[{ subnet: '10.0.0.0/24', rangestart: '10.0.0.9' }]] },
    'unknown key "rangestart" in ranges[0][0]: did you mean "rangeStart"?',
  ],
  [{ dns: { servers: [] } }, 'unknown key "servers" in dns: did you mean "nameservers"?'],
  [JSON.parse('{"__proto__": 1}'), 'unknown key "__proto__"'],
  [{ ['k'.repeat(100_000)]: 1 }, `unknown key "${'k'.repeat(80)}…"`],
  [
    { nodeIPs: Array(1000).fill('?') },
    `${Array.from({ length: 10 }, (_, i) => `nodeIPs[${i}] must be an IP address, not "?"`).join('; ')}; and 990 more`,
  ],
];

for (const [more, message] of refused) {
  test(`${JSON.stringify(more).slice(0, 90)}: ${message.slice(0, 120)}`, (t) => {
    const error = t.throws(() => parseConfiguration({ name: 'pods', ...more }), { instanceOf: Failure });
    t.is(error.code, 7);
    t.is(error.message, `invalid network configuration: ${message}`);
  });
}

const unset = ['', null, [], {}];

/** All that says nothing, for every key that a configuration may have; 0 as well where a number is expected. */
for (const key of [
  ...[
    'podCIDRs',
    'nodeIPs',
    'ipFamilies',
    'ipFamilyPolicy',
    'ranges',
    'exclude',
    'gateway',
    'gateways',
    'routes',
  ],
  ...[
    'dns',
    'resolvConf',
    'dataDir',
    'mtu',
    'ipMasq',
    'clusterCIDRs',
    'nonMasqueradeCIDRs',
    'spoofCheck',
    'sysctls',
    'logFile',
  ],
  ...['ipam', 'capabilities', 'runtimeConfig', 'args', 'prevResult', 'cniVersion', 'type'],
]) {
  test(`absent in all the ways that programs in Go say it: ${key}`, (t) => {
    for (const value of [...unset, ...(key === 'mtu' ? [0] : [])]) {
      const read = parseConfiguration({ name: 'pods', podCIDRs: ['10.244.1.0/24'], [key]: value });
      const without = { name: 'pods', ...(key !== 'podCIDRs' && { podCIDRs: ['10.244.1.0/24'] }) };
      t.is(JSON.stringify(read, text), JSON.stringify(parseConfiguration(without), text));
    }
  });
}

for (const [what, said, meant] of [
  ['routes', [{ dst: '10.0.0.0/8' }], ['gw', 'mtu', 'advmss', 'priority']],
  ['ranges', [[{ subnet: '10.0.0.0/24' }]], ['rangeStart', 'rangeEnd', 'gateway']],
] as const) {
  test(`absent in all the ways that programs in Go say it: keys of ${what}`, (t) => {
    const [first] = said.flat();
    for (const key of meant)
      for (const value of [...unset, ...(what === 'routes' && key !== 'gw' ? [0] : [])]) {
        const item = { ...first, [key]: value };
        const read = parseConfiguration({ name: 'pods', [what]: what === 'ranges' ? [[item]] : [item] });
        t.deepEqual(
          JSON.stringify(read, text),
          JSON.stringify(parseConfiguration({ name: 'pods', [what]: said }), text),
        );
      }
  });
}

function text(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

test('host-local’s short form is the first set of ranges', (t) => {
  const short = { subnet: '10.0.0.0/24', rangeStart: '10.0.0.9', rangeEnd: '10.0.0.20', gateway: '10.0.0.1' };
  const rest = [[{ subnet: 'fd00::/64' }]];
  const read = (input: Input) => [
    JSON.stringify(parseConfiguration({ name: 'pods', ...input }).ranges, text),
    JSON.stringify(
      parseIpamConfiguration({ name: 'pods', ipam: { type: 'dualstack-ipam', ...input } }).ranges,
      text,
    ),
  ];
  t.deepEqual(read({ ...short, ranges: rest }), read({ ranges: [[short], ...rest] }));
  for (const key of ['rangeStart', 'rangeEnd'])
    t.throws(() => read({ [key]: '10.0.0.9' }), { message: /rangeStart and rangeEnd need a subnet/ });
});

test('equal entries say what one says, however they are written', (t) => {
  for (const [key, twice, once] of [
    [
      'podCIDRs',
      ['10.244.1.0/24', 'FD00::/64', '10.244.1.0/24', 'fd00:0::/64'],
      ['10.244.1.0/24', 'fd00::/64'],
    ],
    ['nodeIPs', ['192.0.2.1', '192.0.2.1'], ['192.0.2.1']],
    ['ipFamilies', ['IPv6', 'IPv6'], ['IPv6']],
    ['exclude', ['10.244.1.9', '10.244.1.9/32'], ['10.244.1.9']],
    ['gateways', ['fd00::1', 'FD00::1'], ['fd00::1']],
    ['routes', [{ dst: '10.0.0.0/8' }, { dst: '10.0.0.0/8', gw: '' }], [{ dst: '10.0.0.0/8' }]],
    ['ranges', [[{ subnet: '10.0.0.0/24' }, { subnet: '10.0.0.0/24' }]], [[{ subnet: '10.0.0.0/24' }]]],
    ['clusterCIDRs', ['10.0.0.0/8', '10.0.0.0/8'], ['10.0.0.0/8']],
  ] as const)
    t.is(
      JSON.stringify(parseConfiguration({ name: 'pods', [key]: twice }), text),
      JSON.stringify(parseConfiguration({ name: 'pods', [key]: once }), text),
      key,
    );
});

test('endless lists of what is wrong are one line, at once', (t) => {
  const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`podCIDR${index}`, 1]));
  const began = process.cpuUsage();
  const error = t.throws(() => parseConfiguration({ name: 'pods', ...keys }));
  t.true(error.message.length < 1000);
  t.true(process.cpuUsage(began).user < 1.5e6, 'it took 17 s of CPU time');
});

test('empty lists of resolver settings are settings: those of nobody else', (t) => {
  const own = { type: 'dualstack-ipam', podCIDRs: ['10.244.1.0/24'] };
  for (const [dns, expected] of [
    [{ nameservers: [], search: [], options: [] }, {}],
    [{ search: [] }, {}],
    [{ search: [], domain: 'd' }, { domain: 'd' }],
    [{ domain: '', search: null }, undefined],
    [{}, undefined],
    [[], undefined],
  ] as const) {
    t.deepEqual<unknown, unknown>(parseConfiguration({ name: 'pods', dns }).dns, expected);
    t.deepEqual<unknown, unknown>(
      parseIpamConfiguration({ name: 'pods', ipam: { ...own, dns } }).dns,
      expected,
    );
  }
});

const ofIpam: [unknown, string][] = [
  [undefined, 'ipam must be an object'],
  [[], 'ipam must be an object'],
  [{}, 'ipam.type must be a string'],
  [{ type: 'dualstack-ipam', podCIDRs: ['x'] }, `ipam.podCIDRs[0] must be ${cidr}, not "x"`],
  [{ type: 'dualstack-ipam', podcidr: [] }, 'unknown key "podcidr" in ipam: did you mean "podCIDRs"?'],
  // Keys of the plugin mean nothing to the IPAM plugin.
  [{ type: 'dualstack-ipam', mtu: 1500 }, 'unknown key "mtu" in ipam'],
  [
    { type: 'dualstack-ipam', routes: [{ dst: '10.0.0.0/8', gw: 'fd00::1' }] },
    'routes[0] has gateway fd00::1, which is not IPv4',
  ],
  [
    { type: 'dualstack-ipam', ranges: [[{ subnet: '10.0.0.0/24', subnett: 1 }]] },
    'unknown key "subnett" in ipam.ranges[0][0]: did you mean "subnet"?',
  ],
];

for (const [ipam, message] of ofIpam) {
  test(`ipam ${JSON.stringify(ipam)}: ${message}`, (t) => {
    const error = t.throws(() => parseIpamConfiguration({ name: 'pods', ipam }), { instanceOf: Failure });
    t.is(error.message, `invalid network configuration: ${message}`);
  });
}

test('the ipam object of another plugin takes its name from the network', (t) => {
  const ipam = { type: 'dualstack-ipam', podCIDRs: ['10.244.1.0/24'] };
  const { name, podCIDRs } = parseIpamConfiguration({ name: 'pods', type: 'bridge', isGateway: true, ipam });
  t.is(name, 'pods');
  t.deepEqual(podCIDRs.map(formatCidr), ['10.244.1.0/24']);
});

test('what finds the leases again asks nothing of the rest', (t) => {
  const wrong = { podCIDRs: 'none', mistyped: true, ipFamilies: 7 };
  t.deepEqual(parseLocator({ name: 'pods', ...wrong }), { name: 'pods', dataDir: '/run/dualstack' });
  t.throws(() => parseLocator({ name: 'a/b' }), { message: /name must start/ });
  t.throws(() => parseLocator({ name: 'pods', dataDir: 'here' }), { message: /dataDir must be/ });
});
