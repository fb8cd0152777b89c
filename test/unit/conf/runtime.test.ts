import test from 'ava';
import { Failure } from '../../../conf/failure.ts';
import { formatAddress, formatCidr } from '../../../conf/family.ts';
import {
  parseRequestedArgs,
  parseRequestedVariables,
  parseRoutes,
  parseRuntimeConfig,
} from '../../../conf/runtime.ts';

const none = { ips: [], portMappings: [] };

test('no runtimeConfig, a null one and one with capabilities of others ask for nothing', (t) => {
  const others = { aliases: { pods: ['a'] }, deviceID: 'x', infinibandGUID: 'y', cgroupPath: '/kubepods' };
  for (const input of [undefined, null, '', [], {}, others])
    t.deepEqual<unknown, unknown>(parseRuntimeConfig(input), none);
});

test('capabilities as the conventions spell them', (t) => {
  const { ips, mac, ipRanges, dns } = parseRuntimeConfig({
    ips: ['10.244.1.7', 'fd00::7/64'],
    mac: 'C2:11:22:33:44:55',
    ipRanges: [[{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.9' }]],
    dns: { servers: ['10.96.0.10'], searches: ['local'], options: ['ndots:5'] },
  });
  t.deepEqual(ips.map(formatAddress), ['10.244.1.7', 'fd00::7']);
  t.is(mac, 'c2:11:22:33:44:55');
  t.deepEqual(
    ipRanges?.flat().map(({ subnet }) => formatCidr(subnet)),
    ['10.0.0.0/24'],
  );
  t.deepEqual(dns, { servers: ['10.96.0.10'], searches: ['local'], options: ['ndots:5'] });
});

test('capabilities as containerd spells them: the names of Go fields, and null for an empty list', (t) => {
  const { ips, ipRanges, dns } = parseRuntimeConfig({
    ips: null,
    ipRanges: [[{ Subnet: '10.0.0.0/24', RangeStart: '10.0.0.9', RangeEnd: null, Gateway: '10.0.0.1' }]],
    dns: { Servers: ['10.96.0.10'], Searches: ['local'], Options: null },
  });
  t.deepEqual(ips, []);
  const [range] = ipRanges?.flat() ?? [];
  t.deepEqual(
    [range?.rangeStart, range?.gateway].map((bound) => bound && formatAddress(bound)),
    ['10.0.0.9', '10.0.0.1'],
  );
  t.deepEqual(dns, { servers: ['10.96.0.10'], searches: ['local'] });
});

const mac = 'runtimeConfig.mac must be a unicast MAC address like "c2:11:22:33:44:55"';

const refused: [() => unknown, string][] = [
  [() => parseRuntimeConfig('x'), 'runtimeConfig must be an object'],
  [() => parseRuntimeConfig({ ips: '10.0.0.1' }), 'runtimeConfig.ips must be a list of IP addresses'],
  [
    () => parseRuntimeConfig({ ips: ['10.0.0.1', 'x'] }),
    'runtimeConfig.ips[1] must be an IP address, with or without a prefix length, not "x"',
  ],
  [() => parseRuntimeConfig({ mac: 7 }), mac],
  // A group address, the address of nobody, and other ways to write one.
  ...[
    '01:00:5e:00:00:01',
    '00:00:00:00:00:00',
    'c2-11-22-33-44-55',
    'c2:11:22:33:44',
    'c2:11:22:33:44:5g',
  ].map((text): [() => unknown, string] => [
    () => parseRuntimeConfig({ mac: text }),
    `${mac}, not "${text}"`,
  ]),
  [() => parseRuntimeConfig({ ipRanges: [[]] }), 'runtimeConfig.ipRanges[0] must hold a range'],
  [
    () => parseRuntimeConfig({ ipRanges: [[{ subnet: '10.0.0.0/24', rangeBegin: '10.0.0.9' }]] }),
    'unknown key "rangeBegin" in runtimeConfig.ipRanges[0][0]: did you mean "rangeEnd"?',
  ],
  [() => parseRuntimeConfig({ dns: 7 }), 'runtimeConfig.dns must be an object'],
  [() => parseRuntimeConfig({ dns: { servers: [7] } }), 'runtimeConfig.dns.servers[0] must be a string'],
  [() => parseRequestedArgs('x'), 'args must be an object'],
  [() => parseRequestedArgs({ cni: ['x'] }), 'args.cni must be an object'],
  [() => parseRequestedArgs({ cni: { ips: { a: 1 } } }), 'args.cni.ips must be a list of IP addresses'],
  [
    () => parseRequestedVariables(new Map([['IP', '10.0.0.1,here']])),
    'IP in CNI_ARGS[1] must be an IP address, with or without a prefix length, not "here"',
  ],
  [() => parseRoutes({}), 'routes must be a list of routes'],
];

for (const [parse, message] of refused) {
  test(`refused: ${message}`, (t) => {
    const error = t.throws(parse, { instanceOf: Failure });
    t.is(error.code, 7);
    t.is(error.message, `invalid network configuration: ${message}`);
  });
}

test('addresses that args.cni.ips and IP= ask for', (t) => {
  for (const input of [
    undefined,
    null,
    '',
    [],
    {},
    { cni: {} },
    { cni: [] },
    { cni: { ips: null, mac: '' } },
  ])
    t.deepEqual(parseRequestedArgs(input), { ips: [] });
  for (const input of ['', ','])
    t.deepEqual(parseRequestedVariables(new Map([['IP', input]])), { ips: [], mac: undefined });
  const ips = ['10.244.1.7/24', 'FD00::7', '10.244.1.7'];
  const expected = ['10.244.1.7', 'fd00::7'];
  t.deepEqual(parseRequestedArgs({ cni: { ips }, other: 1 }).ips.map(formatAddress), expected);
  t.deepEqual(parseRequestedVariables(new Map([['IP', ips.join()]])).ips.map(formatAddress), expected);
});

test('a MAC address that args.cni.mac and MAC= ask for', (t) => {
  const [asked, expected] = ['C2:11:22:33:44:55', 'c2:11:22:33:44:55'];
  t.is(parseRequestedArgs({ cni: { mac: asked } }).mac, expected);
  t.is(parseRequestedVariables(new Map([['MAC', asked]])).mac, expected);
  t.throws(() => parseRequestedArgs({ cni: { mac: 'x' } }), { message: /args\.cni\.mac must be a unicast/ });
  t.throws(() => parseRequestedVariables(new Map([['MAC', 'x']])), { message: /MAC in CNI_ARGS must be/ });
});

test('a burst that nobody asked for is the largest of some number, as runtimes write it', (t) => {
  for (const none of ['2147483647', '4294967295', '9223372036854775807', '18446744073709551615']) {
    const input = JSON.parse(`{"bandwidth":{"ingressRate":10000000,"ingressBurst":${none}}}`);
    t.is(parseRuntimeConfig(input).bandwidth?.ingress?.burst, Number(none));
  }
  for (const more of ['34359738368', '9223372036854779904', '-1', '0.5'])
    t.throws(() =>
      parseRuntimeConfig(JSON.parse(`{"bandwidth":{"ingressRate":10000000,"ingressBurst":${more}}}`)),
    );
});

test('nothing in a capability is looked for deeper than it can be', (t) => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  t.deepEqual<unknown, unknown>(parseRuntimeConfig({ aliases: deep }), none);
  t.throws(() => parseRuntimeConfig({ ips: deep }), {
    message: /runtimeConfig\.ips\[0\] must be an IP address/,
  });
  t.throws(() => parseRuntimeConfig({ portMappings: deep }), {
    message: /runtimeConfig\.portMappings\[0\] must be an object/,
  });
});

test('port mappings as runtimes write them: protocols in any case, a host address that may be empty', (t) => {
  const { portMappings } = parseRuntimeConfig({
    portMappings: [
      { hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '' },
      { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '2001:db8::10' },
      { containerPort: 9, protocol: 'sctp', hostIP: null, name: 'metrics' },
      { hostPort: 1, containerPort: 1 },
    ],
  });
  const read = portMappings.map(({ hostPort, containerPort, protocol, hostIP }) =>
    [hostPort, containerPort, protocol, hostIP && formatAddress(hostIP)].join(),
  );
  t.deepEqual(read, ['8080,80,tcp,', '53,53,udp,2001:db8::10', '0,9,sctp,', '1,1,tcp,']);
  t.deepEqual(parseRuntimeConfig({ portMappings: null }).portMappings, []);
});

for (const [entry, where] of [
  [{ hostPort: 65536, containerPort: 80 }, 'hostPort must be a port'],
  [{ hostPort: -1, containerPort: 80 }, 'hostPort must be a port'],
  [{ hostPort: 80, containerPort: 0 }, 'containerPort must be a port from 1 to 65535'],
  [{ hostPort: 80 }, 'containerPort must be a port'],
  [{ hostPort: '80', containerPort: 80 }, 'hostPort must be a port'],
  [{ hostPort: 80, containerPort: 80, protocol: 'icmp' }, 'protocol must be "tcp", "udp" or "sctp"'],
  [{ hostPort: 80, containerPort: 80, hostIP: 'localhost' }, 'hostIP must be an IP address, or empty'],
] as const) {
  test(`a port mapping is refused: ${JSON.stringify(entry)}`, (t) => {
    const { message } = t.throws(() => parseRuntimeConfig({ portMappings: [entry] }));
    t.true(message?.includes(`runtimeConfig.portMappings[0].${where}`), message);
  });
}
