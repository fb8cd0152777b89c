import test from 'ava';
import type { Route } from '../../../conf/configuration.ts';
import { parseRoutes } from '../../../conf/runtime.ts';
import { planHost, plannedRoutes, planPod, quietSysctls, type Wiring } from '../../../netns/link/plan.ts';
import { addressOf } from '../../lab/pools.ts';

const ipv4 = { address: addressOf('10.244.1.7'), gateway: addressOf('10.244.1.1') };
const ipv6 = { address: addressOf('fd00:10:244:1::7'), gateway: addressOf('fd00:10:244:1::1') };
const defaults = parseRoutes([{ dst: '0.0.0.0/0' }, { dst: '::/0' }]);

function wiring(more: Partial<Wiring> = {}): Wiring {
  return {
    names: { hostEnd: 'vethds0123456ab', hostMac: '02:00:00:00:00:01', podMac: '02:00:00:00:00:02' },
    ifname: 'eth0',
    mtu: 1450,
    ipv6: true,
    alias: 'default/web-0',
    addresses: [ipv4, ipv6],
    routes: defaults,
    podCIDRs: [],
    guarded: true,
    ...more,
  };
}

const pair =
  'link add name vethds0123456ab mtu 1450 address 02:00:00:00:00:01 ' +
  'type veth peer name eth0 mtu 1450 address 02:00:00:00:00:02 netns /proc/self/fd/3';

test('both families, on the host', (t) => {
  t.deepEqual(planHost(wiring()), [
    pair,
    'link set dev vethds0123456ab alias default/web-0',
    'link set dev vethds0123456ab addrgenmode none',
    'address add 10.244.1.1/32 dev vethds0123456ab',
    'address add fd00:10:244:1::1/128 dev vethds0123456ab nodad',
    'address add fe80::ff:fe00:1/128 dev vethds0123456ab nodad',
    'link set dev vethds0123456ab up',
    'neighbour replace 10.244.1.7 lladdr 02:00:00:00:00:02 dev vethds0123456ab nud permanent',
    'neighbour replace fd00:10:244:1::7 lladdr 02:00:00:00:00:02 dev vethds0123456ab nud permanent',
    'route add 10.244.1.7/32 dev vethds0123456ab',
    'route add fd00:10:244:1::7/128 dev vethds0123456ab',
    'route append fe80::/64 dev vethds0123456ab',
  ]);
});

const inPod = [
  'link set dev lo up',
  'link set dev eth0 addrgenmode none',
  'address add 10.244.1.7/32 dev eth0',
  'address add fd00:10:244:1::7/128 dev eth0 nodad',
  'address add fe80::ff:fe00:2/64 dev eth0 nodad',
  'link set dev eth0 up',
  'neighbour replace 10.244.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent',
  'neighbour replace fd00:10:244:1::1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent',
  'route add 10.244.1.1/32 dev eth0',
  'route add fd00:10:244:1::1/128 dev eth0',
];

test('both families, in the pod', (t) => {
  t.deepEqual(planPod(wiring()), [
    ...inPod,
    'route add 0.0.0.0/0 via 10.244.1.1 dev eth0',
    'route add ::/0 via fd00:10:244:1::1 dev eth0',
  ]);
});

test('IPv4 alone touches nothing of IPv6', (t) => {
  const alone = wiring({ ipv6: false, addresses: [ipv4], alias: undefined });
  t.deepEqual(planHost(alone), [
    pair,
    'address add 10.244.1.1/32 dev vethds0123456ab',
    'link set dev vethds0123456ab up',
    'neighbour replace 10.244.1.7 lladdr 02:00:00:00:00:02 dev vethds0123456ab nud permanent',
    'route add 10.244.1.7/32 dev vethds0123456ab',
  ]);
  t.deepEqual(planPod(alone), [
    'link set dev lo up',
    'address add 10.244.1.7/32 dev eth0',
    'link set dev eth0 up',
    'neighbour replace 10.244.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent',
    'route add 10.244.1.1/32 dev eth0',
    'route add 0.0.0.0/0 via 10.244.1.1 dev eth0',
  ]);
});

test('IPv6 alone has nothing of IPv4', (t) => {
  const alone = wiring({ addresses: [ipv6] });
  const lines = [...planHost(alone), ...planPod(alone)];
  t.deepEqual(
    lines.filter((line) => /10\.244|0\.0\.0\.0/.test(line)),
    [],
  );
  t.deepEqual(planPod(alone), [
    ...inPod.filter((line) => !line.includes('10.244.1.')),
    'route add ::/0 via fd00:10:244:1::1 dev eth0',
  ]);
});

test('the order of the addresses is the order of their lines', (t) => {
  const reversed = planPod(wiring({ addresses: [ipv6, ipv4] }));
  t.deepEqual(
    reversed.filter((line) => line.startsWith('address')),
    [
      'address add fd00:10:244:1::7/128 dev eth0 nodad',
      'address add 10.244.1.7/32 dev eth0',
      'address add fe80::ff:fe00:2/64 dev eth0 nodad',
    ],
  );
  t.deepEqual([...reversed].sort(), planPod(wiring()).sort());
});

test('one gateway for two addresses is set up once', (t) => {
  const second = { address: addressOf('10.244.1.8'), gateway: ipv4.gateway };
  const lines = planHost(wiring({ addresses: [ipv4, second] }));
  t.is(lines.filter((line) => line.startsWith('address add 10.244.1.1/32')).length, 1);
  t.is(lines.filter((line) => line.startsWith('route add')).length, 2);
});

/** A route as it is configured, and the line that it becomes. */
const routes: [object, string[]][] = [
  [{ dst: '10.0.0.0/8' }, ['route add 10.0.0.0/8 via 10.244.1.1 dev eth0']],
  [{ dst: '10.0.0.0/8', gw: '10.244.1.254' }, ['route add 10.0.0.0/8 via 10.244.1.254 dev eth0']],
  [
    { dst: 'fd00::/8', mtu: 1300, advmss: 1240, priority: 100, table: 7, scope: 0 },
    ['route add fd00::/8 via fd00:10:244:1::1 dev eth0 mtu 1300 advmss 1240 metric 100 table 7 scope 0'],
  ],
  [{ dst: '169.254.0.0/16', scope: 253 }, ['route add 169.254.0.0/16 dev eth0 scope 253']],
];

for (const [route, expected] of routes) {
  test(`the route ${JSON.stringify(route)}`, (t) => {
    const lines = planPod(wiring({ routes: parseRoutes([route]) }));
    t.deepEqual(lines, [...inPod, ...expected]);
  });
}

test('a route of a family that the pod has not is left out', (t) => {
  const alone = wiring({ addresses: [ipv6] });
  t.deepEqual(
    plannedRoutes(alone).map(({ dst }: Route) => dst.family.name),
    ['IPv6'],
  );
});

test('settings of IPv6 that must be off, in the pod with its loopback, and on the host', (t) => {
  const own = (link: string) =>
    ['disable_ipv6', 'accept_ra', 'autoconf'].map((key) => `/proc/sys/net/ipv6/conf/${link}/${key}`);
  t.deepEqual(quietSysctls(wiring(), 'vethds0123456ab', false), own('vethds0123456ab'));
  t.deepEqual(quietSysctls(wiring(), 'eth0', true), [
    '/proc/sys/net/ipv6/conf/lo/disable_ipv6',
    ...own('eth0'),
  ]);
});
