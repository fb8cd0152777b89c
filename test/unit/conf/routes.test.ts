import test from 'ava';
import { parseConfiguration } from '../../../conf/configuration.ts';
import { Failure } from '../../../conf/failure.ts';
import { poolsOf } from '../../../ipam/pool.ts';

const podCIDRs = ['10.244.1.0/24', 'fd00::/64'];

function read(more: object): void {
  poolsOf(parseConfiguration({ name: 'pods', podCIDRs, ...more }));
}

const ipv4 = { dst: '10.0.0.0/8' };
const ipv6 = { dst: 'fd00::/8' };
const nobody = 'is not a usable address';

/** What no packet could go through, and what the message ends with. */
const refused: [object, string][] = [
  ...['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'].map((gateway): [object, string] => [
    { gateways: [gateway] },
    `gateway ${gateway} of 10.244.1.0/24 ${nobody}`,
  ]),
  ...['::', '::1', 'ff02::1'].map((gateway): [object, string] => [
    { gateway },
    `gateway ${gateway} of fd00::/64 ${nobody}`,
  ]),
  [{ ranges: [[{ subnet: '10.0.0.0/24', gateway: '0.0.0.0' }]] }, `gateway 0.0.0.0 of 10.0.0.0/24 ${nobody}`],
  [
    { routes: [{ ...ipv4, gw: '192.0.2.1' }] },
    "routes[0] has gateway 192.0.2.1, which is not on the pod's link: that has 10.244.1.1",
  ],
  [
    { routes: [ipv4, { ...ipv6, gw: 'fd00::2' }] },
    "routes[1] has gateway fd00::2, which is not on the pod's link: that has fd00::1",
  ],
  [{ routes: [{ ...ipv4, gw: 'fd00::1' }] }, 'routes[0] has gateway fd00::1, which is not IPv4'],
  [{ routes: [{ ...ipv6, gw: '10.244.1.1' }] }, 'routes[0] has gateway 10.244.1.1, which is not IPv6'],
  ...['0.0.0.0', '127.0.0.1', '239.1.2.3', '255.255.255.255'].map((gw): [object, string] => [
    { routes: [{ ...ipv4, gw }] },
    `routes[0] has gateway ${gw}, which is not a usable address`,
  ]),
  ...['::', '::1', 'ff02::1'].map((gw): [object, string] => [
    { routes: [{ ...ipv6, gw }] },
    `routes[0] has gateway ${gw}, which is not a usable address`,
  ]),
  [
    { routes: [{ ...ipv4, gw: '10.244.1.1', scope: 253 }] },
    'routes[0] has gateway 10.244.1.1, but its scope allows none',
  ],
  [{ routes: [{ ...ipv4, scope: 255 }] }, 'routes[0] has scope 255, which is nowhere'],
  ...[
    [{ dst: '0.0.0.0/0' }, { dst: '0.0.0.0/0', gw: '10.244.1.1' }],
    [{ dst: '0.0.0.0/0' }, { dst: '0.0.0.0/0', mtu: 1400 }],
    [{ dst: '0.0.0.0/0' }, { dst: '0.0.0.0/0', table: 254 }],
    [
      { dst: '0.0.0.0/0', table: 7 },
      { dst: '0.0.0.0/0', table: 7, scope: 253 },
    ],
  ].map((routes): [object, string] => [
    { routes },
    'routes[1] leads to 0.0.0.0/0 as routes[0] does: give it another priority or table, or leave one out',
  ]),
  [
    { routes: [{ dst: 'fd01::/64' }, ipv4, { dst: 'fd01::/64', priority: 1024 }] },
    'routes[2] leads to fd01::/64 as routes[0] does: give it another priority or table, or leave one out',
  ],
  [
    { routes: [{ dst: '10.244.1.1/32', scope: 253 }] },
    'routes[0] leads to 10.244.1.1/32, the gateway, which the pod has a route to anyway',
  ],
  [
    { routes: [ipv4, { dst: 'fd00::1/128' }] },
    'routes[1] leads to fd00::1/128, the gateway, which the pod has a route to anyway',
  ],
  [
    {
      routes: [
        { dst: '10.8.0.0/16', scope: 253, table: 100 },
        { dst: '10.9.0.0/16', gw: '10.8.0.1' },
      ],
    },
    "routes[1] has gateway 10.8.0.1, which is not on the pod's link: that has 10.244.1.1",
  ],
  // The route that makes it so comes too late.
  [
    {
      routes: [
        { dst: '10.9.0.0/16', gw: '10.8.0.1' },
        { dst: '10.8.0.0/16', scope: 253 },
      ],
    },
    "routes[0] has gateway 10.8.0.1, which is not on the pod's link: that has 10.244.1.1",
  ],
];

for (const [more, message] of refused) {
  test(`refused before anything is touched: ${JSON.stringify(more)}`, (t) => {
    const error = t.throws(() => read(more), { instanceOf: Failure });
    t.is(error.code, 7);
    t.is(error.message, `invalid network configuration: ${message}`);
  });
}

const taken: object[] = [
  { routes: [ipv4, { ...ipv4, priority: 5 }, { ...ipv4, table: 100 }] },
  { routes: [{ dst: '10.244.1.1/32', table: 100 }] },
  {
    routes: [
      { ...ipv4, gw: '10.244.1.1' },
      { ...ipv6, gw: 'fd00::1' },
    ],
  },
  {
    gateways: ['10.9.9.9', 'fe80::1'],
    routes: [
      { ...ipv4, gw: '10.9.9.9' },
      { ...ipv6, gw: 'fe80::1' },
    ],
  },
  { routes: [{ ...ipv6, gw: 'fe80::5' }] },
  {
    routes: [
      { dst: '10.8.0.0/16', scope: 253 },
      { dst: '10.9.0.0/16', gw: '10.8.0.1' },
    ],
  },
];

for (const more of taken) {
  test(`taken: ${JSON.stringify(more)}`, (t) => {
    t.notThrows(() => read(more));
  });
}
