import test from 'ava';
import { type Address, IPv4 } from '../../../conf/family.ts';
import { planHost, planPod, quietSysctls, type Wiring } from '../../../netns/link/plan.ts';

function ipv4(text: string): Address {
  return { family: IPv4, value: IPv4.parse(text) ?? 0n };
}

/** A pod with an IPv4 address alone, on a kernel with or without IPv6. */
function wiring(ipv6: boolean): Wiring {
  return {
    names: { hostEnd: 'vethds000000001', hostMac: '02:00:00:00:00:01', podMac: '02:00:00:00:00:02' },
    ifname: 'eth0',
    mtu: 1500,
    ipv6,
    alias: undefined,
    addresses: [{ address: ipv4('10.244.1.7'), gateway: ipv4('10.244.1.1') }],
    routes: [{ dst: { family: IPv4, base: 0n, prefix: 0 } }],
    podCIDRs: [],
    guarded: true,
  };
}

test('without IPv6 in the kernel nothing is said or written about IPv6', (t) => {
  t.deepEqual(planHost(wiring(false)), [
    'link add name vethds000000001 mtu 1500 address 02:00:00:00:00:01 type veth peer name eth0 mtu 1500 address 02:00:00:00:00:02 netns /proc/self/fd/3',
    'address add 10.244.1.1/32 dev vethds000000001',
    'link set dev vethds000000001 up',
    'neighbour replace 10.244.1.7 lladdr 02:00:00:00:00:02 dev vethds000000001 nud permanent',
    'route add 10.244.1.7/32 dev vethds000000001',
  ]);
  t.deepEqual(planPod(wiring(false)), [
    'link set dev lo up',
    'address add 10.244.1.7/32 dev eth0',
    'link set dev eth0 up',
    'neighbour replace 10.244.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent',
    'route add 10.244.1.1/32 dev eth0',
    'route add 0.0.0.0/0 via 10.244.1.1 dev eth0',
  ]);
  t.deepEqual(quietSysctls(wiring(false), 'eth0', true), []);
});

test('with IPv6 in the kernel a pod without an IPv6 address gets none by itself either', (t) => {
  const told = (lines: string[]) => lines.filter((line) => line.includes('addrgenmode'));
  t.deepEqual(told(planHost(wiring(true))), ['link set dev vethds000000001 addrgenmode none']);
  t.deepEqual(told(planPod(wiring(true))), ['link set dev eth0 addrgenmode none']);
  t.deepEqual(quietSysctls(wiring(true), 'eth0', true), [
    '/proc/sys/net/ipv6/conf/eth0/accept_ra',
    '/proc/sys/net/ipv6/conf/eth0/autoconf',
  ]);
});
