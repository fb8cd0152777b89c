import test from 'ava';
import { overlaps } from '../../../../cmd/tool/doctor/checks/overlap.ts';
import { parseCidr } from '../../../../conf/family.ts';
import { poolsOf } from '../../../../ipam/pool.ts';

const podCIDRs = ['10.244.1.0/24', 'fd00:10:244:1::/64'].flatMap((text) => parseCidr(text) ?? []);
const pools = poolsOf({ podCIDRs, exclude: [], gateways: [] });

const address = (local: string, prefix: number, device = 'eth0') => ({
  device,
  local,
  prefix,
  isGlobal: true,
});
const route = (dst: string, dev: string | undefined, protocol = 'boot', type = 'unicast') => ({
  dst,
  dev,
  protocol,
  type,
});

function found(addresses: ReturnType<typeof address>[], routes: ReturnType<typeof route>[]) {
  const leased = new Set(['10.244.1.9']);
  return overlaps(pools, leased, addresses, routes).map(({ level, remedy = [] }) => [level, ...remedy]);
}

test('a host that keeps clear of the pods is well', (t) => {
  const addresses = [address('192.0.2.10', 24), address('2001:db8::10', 64), address('127.0.0.1', 8, 'lo')];
  const routes = [
    route('0.0.0.0/0', 'eth0'),
    route('::/0', 'eth0'),
    route('192.0.2.0/24', 'eth0', 'kernel'),
    route('10.244.2.0/24', 'eth0'),
    route('10.244.0.0/16', 'eth0'),
  ];
  t.deepEqual(found(addresses, routes), []);
});

test('our own addresses and routes are in nobody’s way', (t) => {
  const addresses = [address('10.244.1.1', 32, 'vethds012345678'), address('10.244.1.1', 32, 'vethother')];
  const routes = [
    route('10.244.1.7/32', 'vethds012345678'),
    route('fd00:10:244:1::7/128', 'vethds012345678'),
    route('10.244.1.9/32', 'vethother'),
    route('fd00:10:244:1::/128', 'vethother', 'kernel'),
    route('10.244.1.0/24', undefined, 'boot', 'blackhole'),
  ];
  t.deepEqual(found(addresses, routes), []);
});

test('an address among the pods’ is named once, and not again by the route that comes with it', (t) => {
  const routes = [route('10.244.1.0/24', 'eth1', 'kernel')];
  t.deepEqual(found([address('10.244.1.7', 24, 'eth1')], routes), [['broken']]);
});

test('a route into the pods’ range is named, also that of a bridge that is left over', (t) => {
  const routes = [route('10.244.1.0/24', 'cni0', 'kernel'), route('fd00:10:244:1:8::/80', 'eth1')];
  t.deepEqual(found([address('10.244.1.1', 24, 'cni0')], routes), [
    ['broken'],
    ['broken', 'ip route delete fd00:10:244:1:8::/80 dev eth1'],
  ]);
});

test('what the host needs is never proposed for deletion', (t) => {
  const routes = [
    route('0.0.0.0/0', 'eth0'),
    route('10.244.1.0/24', 'eth0', 'kernel'),
    route('10.244.1.0/25', 'eth0'),
  ];
  t.deepEqual(found([address('10.244.1.1', 24)], routes), [['broken'], ['broken']]);
});

test('a podCIDR out of the network of an interface is a warning', (t) => {
  t.deepEqual(found([address('10.0.0.5', 8)], [route('10.0.0.0/8', 'eth0', 'kernel')]), [['warning']]);
});
