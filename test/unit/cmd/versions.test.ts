import { join } from 'node:path';
import test from 'ava';
import { decodeResult, encodeResult, extendResult, type Result } from '../../../cmd/cni/result.ts';
import { isAtLeast, supportedVersions } from '../../../cmd/cni/version.ts';
import { Failure } from '../../../conf/failure.ts';
import { FakeKernel } from '../../lab/fake-kernel.ts';
import {
  asPlugin,
  attachmentEnvironment,
  callInProcess,
  hostWith,
  withHandlers,
} from '../../lab/in-process.ts';
import { temporaryFolder } from '../../lab/stores.ts';
import { watchFiles } from '../../lab/watched-files.ts';

watchFiles();

/** Everything that a result can hold. */
const result: Result = {
  interfaces: [
    { name: 'vethds012345678', mac: '02:00:00:00:00:01', mtu: 1450 },
    {
      name: 'eth0',
      mac: '02:00:00:00:00:02',
      mtu: 1450,
      sandbox: '/run/netns/a',
      socketPath: '/s',
      pciID: '0',
    },
  ],
  ips: [
    { address: '10.0.0.7/32', gateway: '10.0.0.1', interface: 1 },
    { address: 'fd00::7/128', gateway: 'fd00::1', interface: 1 },
  ],
  routes: [
    { dst: '0.0.0.0/0', gw: '10.0.0.1', mtu: 1300, advmss: 1240, priority: 5, table: 7, scope: 0 },
    { dst: '::/0', gw: 'fd00::1' },
  ],
  dns: { nameservers: ['10.96.0.10'], domain: 'local', search: ['svc.local'], options: ['ndots:5'] },
};

const { dns } = result;
const plainRoutes = [
  { dst: '0.0.0.0/0', gw: '10.0.0.1' },
  { dst: '::/0', gw: 'fd00::1' },
];
const plainInterfaces = [
  { name: 'vethds012345678', mac: '02:00:00:00:00:01' },
  { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/a' },
];
const legacy = {
  ip4: { ip: '10.0.0.7/32', gateway: '10.0.0.1', routes: plainRoutes.slice(0, 1) },
  ip6: { ip: 'fd00::7/128', gateway: 'fd00::1', routes: plainRoutes.slice(1) },
  dns,
};
const ipsWithVersion = [
  { version: '4', address: '10.0.0.7/32', gateway: '10.0.0.1', interface: 1 },
  { version: '6', address: 'fd00::7/128', gateway: 'fd00::1', interface: 1 },
];
const third = { interfaces: plainInterfaces, ips: ipsWithVersion, routes: plainRoutes, dns };

/** The whole result of each version, and the verbs that it has. */
const versions: Record<string, { written: object; verbs: readonly string[] }> = {
  '0.1.0': { written: legacy, verbs: ['ADD', 'DEL'] },
  '0.2.0': { written: legacy, verbs: ['ADD', 'DEL'] },
  '0.3.0': { written: third, verbs: ['ADD', 'DEL'] },
  '0.3.1': { written: third, verbs: ['ADD', 'DEL'] },
  '0.4.0': { written: third, verbs: ['ADD', 'DEL', 'CHECK'] },
  '1.0.0': { written: { ...third, ips: result.ips }, verbs: ['ADD', 'DEL', 'CHECK'] },
  '1.1.0': { written: result, verbs: ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'] },
};

test('the table has every version that we speak', (t) => {
  t.deepEqual(Object.keys(versions), [...supportedVersions]);
});

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

for (const [version, { written, verbs }] of Object.entries(versions)) {
  test(`a result of ${version}, whole`, (t) => {
    t.deepEqual<unknown, unknown>(asJson(encodeResult(result, version)), { cniVersion: version, ...written });
  });

  test(`a prevResult of ${version} reads back, and goes out again as it came`, (t) => {
    const input = { cniVersion: version, ...written };
    const read = decodeResult(input);
    t.deepEqual(
      read.ips.map(({ address, gateway }) => [address, gateway]),
      result.ips.map(({ address, gateway }) => [address, gateway]),
    );
    t.deepEqual(
      read.routes.map(({ dst, gw }) => ({ dst, gw })),
      plainRoutes,
    );
    t.deepEqual(read.dns, dns);
    t.deepEqual<unknown, unknown>(asJson(encodeResult(read, version)), input);
  });

  test(`${version} has ${verbs.join(', ')}`, async (t) => {
    const reached: string[] = [];
    const handler = (verb: string) => async () => void reached.push(verb);
    const handlers = {
      ADD: handler('ADD'),
      DEL: handler('DEL'),
      CHECK: handler('CHECK'),
      GC: handler('GC'),
      STATUS: handler('STATUS'),
    } as never;
    for (const verb of ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS']) {
      const call = {
        environment: attachmentEnvironment,
        input: { cniVersion: version, name: 'pods' },
        as: withHandlers(handlers),
      };
      const { object } = await callInProcess(verb, { ...call, run: new FakeKernel().run });
      const refusal = { cniVersion: version, code: 1, msg: `config version does not allow ${verb}` };
      if (verbs.includes(verb)) t.is(object, undefined);
      else t.like(object, refusal);
    }
    t.deepEqual(reached, [...verbs]);
  });

  test(`ADD and DEL in ${version} with IPv4`, async (t) => {
    const kernel = new FakeKernel();
    const dataDir = join(temporaryFolder(t), 'data');
    const input = { cniVersion: version, name: 'pods', dataDir, podCIDRs: ['10.0.0.0/24'], sysctls: false };
    const call = { environment: attachmentEnvironment, input, run: kernel.run };
    const { object, output } = await callInProcess('ADD', call);
    t.is(object?.['cniVersion'], version, output);
    t.deepEqual(
      decodeResult(object).ips.map(({ address }) => address),
      ['10.0.0.2/32'],
    );
    const { status, output: nothing } = await callInProcess('DEL', call);
    t.deepEqual([status, nothing, kernel.links], [0, '', []]);
  });
}

test('VERSION answers in the newest, and does not read the input, which nobody may ever close', async (t) => {
  const readInput = () => t.fail('it was read') as never;
  const { output } = await asPlugin('VERSION', {
    environment: {},
    readInput,
    ...hostWith(new FakeKernel().run),
  });
  t.deepEqual(JSON.parse(output), { cniVersion: '1.1.0', supportedVersions });
});

test('0.2.0 and older have no room for two addresses of a family', (t) => {
  const [ip] = result.ips;
  const doubled = { ...result, ips: [...result.ips, ...(ip ? [ip] : [])] };
  for (const version of ['0.1.0', '0.2.0']) {
    const error = t.throws(() => encodeResult(doubled, version), { instanceOf: Failure });
    t.is(error.code, 2);
    t.is(error.message, 'CNI 0.2.0 and older have room for one IPv4 address, but there are 2');
  }
  t.notThrows(() => encodeResult(doubled, '0.3.0'));
});

test('a single family leaves the other side out', (t) => {
  const ipv6 = { ...result, ips: result.ips.slice(1), routes: result.routes.slice(1) };
  t.deepEqual<unknown, unknown>(asJson(encodeResult(ipv6, '0.2.0')), {
    cniVersion: '0.2.0',
    ip6: legacy.ip6,
    dns,
  });
});

test('what Go leaves null is absent', (t) => {
  const empty = { interfaces: null, ips: null, routes: null, ip4: null, dns: null };
  t.deepEqual<unknown, unknown>(decodeResult(empty), { interfaces: [], ips: [], routes: [], dns: {} });
  const nulls = { ips: [{ address: '10.0.0.7/24', interface: null }], dns: { search: null, domain: null } };
  const read = decodeResult(nulls);
  t.deepEqual(asJson(read.ips), [{ address: '10.0.0.7/24' }]);
  t.deepEqual(read.dns, {});
});

const noResults: [unknown, string][] = [
  ['text', 'prevResult is not a CNI result: invalid: all of it'],
  [{ ips: { a: 1 } }, 'prevResult is not a CNI result: invalid: ips'],
  [
    { ips: [{ address: 7 }], routes: [{}] },
    'prevResult is not a CNI result: invalid: ips.0.address, routes.0.dst',
  ],
  [
    { interfaces: Array(12).fill({}) },
    `prevResult is not a CNI result: invalid: ${Array.from({ length: 10 }, (_, i) => `interfaces.${i}.name`).join(', ')}, and 2 more`,
  ],
  [
    { ips: [{ address: '10.0.0.7' }] },
    'prevResult has "10.0.0.7", which is not an address with a prefix length',
  ],
  [{ ip6: { ip: 'x/64' } }, 'prevResult has "x/64", which is not an address with a prefix length'],
];

for (const [input, message] of noResults) {
  test(`no result: ${message.slice(0, 100)}`, (t) => {
    const error = t.throws(() => decodeResult(input), { instanceOf: Failure });
    t.is(error.code, 6);
    t.is(error.message, message);
  });
}

test('in a chain, what earlier plugins made comes first, and indices follow', (t) => {
  const earlier: Result = {
    interfaces: [{ name: 'net1', sandbox: '/run/netns/a' }],
    ips: [{ address: '192.0.2.7/24', interface: 0 }, { address: '192.0.2.8/24' }],
    routes: [{ dst: '192.0.2.0/24' }],
    dns: { domain: 'earlier', search: ['earlier'] },
  };
  const { interfaces, ips, routes, dns } = extendResult(earlier, { ...result, dns: { search: ['ours'] } });
  t.deepEqual(
    interfaces.map(({ name }) => name),
    ['net1', 'vethds012345678', 'eth0'],
  );
  t.deepEqual(
    ips.map((ip) => ip.interface),
    [0, undefined, 2, 2],
  );
  t.is(routes.length, 3);
  t.deepEqual(dns, { domain: 'earlier', search: ['ours'] });
});

const order: [string, string, boolean][] = [
  ['1.0.0', '1.0.0', true],
  ['1.1.0', '1.0.9', true],
  ['0.10.0', '0.9.0', true],
  ['1.0.0', '0.99.99', true],
  ['0.4.0', '1.0.0', false],
  ['0.3.1', '0.4.0', false],
  ['0.3.0', '0.3.1', false],
];

for (const [a, b, expected] of order) {
  test(`${a} is ${expected ? '' : 'not '}at least ${b}`, (t) => {
    t.is(isAtLeast(a, b), expected);
  });
}
