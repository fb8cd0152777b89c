import test from 'ava';
import { egressChain, planEgress } from '../../../netns/firewall/egress.ts';
import { parseListing, valuesOf } from '../../../netns/firewall/listing.ts';
import { base, planChain } from '../../../netns/firewall/table.ts';
import { declare, formatTransaction } from '../../../netns/firewall/transaction.ts';
import { samples } from '../../lab/rule-sets.ts';

const whole = `add set inet dualstack guarded { typeof iifname; }
add set inet dualstack unguarded { typeof iifname; }
add set inet dualstack uplinks { typeof iifname; }
add set inet dualstack link_sources { type ifname . ether_addr . ipv6_addr; }
add set inet dualstack hairpins { type ifname . ifname; }
add set inet dualstack blamed_ipv4 { typeof iifname . @th,192,32; }
add set inet dualstack sources_ipv4 { type ifname . ether_addr . ipv4_addr; }
add map inet dualstack ports_ipv4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
add map inet dualstack ports_on_ipv4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
add map inet dualstack egress_ipv4 { typeof iifname . ip saddr : verdict; }
add set inet dualstack blamed_ipv6 { typeof iifname . @th,256,128; }
add set inet dualstack sources_ipv6 { type ifname . ether_addr . ipv6_addr; }
add map inet dualstack ports_ipv6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
add map inet dualstack ports_on_ipv6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
add map inet dualstack egress_ipv6 { typeof iifname . ip6 saddr : verdict; }
add chain inet dualstack guard { type filter hook prerouting priority -300; policy accept; }
add chain inet dualstack from_pods {  }
add chain inet dualstack check_source {  }
add chain inet dualstack from_outside { type nat hook prerouting priority -100; policy accept; }
add chain inet dualstack from_node { type nat hook output priority -100; policy accept; }
add chain inet dualstack host_ports {  }
add chain inet dualstack to_pods { type nat hook postrouting priority 100; policy accept; }
add chain inet dualstack to_outside { type nat hook postrouting priority 100; policy accept; }
add chain inet dualstack plan_DIGEST {  }
flush chain inet dualstack guard
flush chain inet dualstack from_pods
flush chain inet dualstack check_source
flush chain inet dualstack from_outside
flush chain inet dualstack from_node
flush chain inet dualstack host_ports
flush chain inet dualstack to_pods
flush chain inet dualstack to_outside
flush chain inet dualstack plan_DIGEST
add rule inet dualstack guard iifname "vethds*" jump from_pods
add rule inet dualstack guard iifname "lo" accept
add rule inet dualstack guard iifname @uplinks accept
add rule inet dualstack guard fib saddr oifname "vethds*" fib saddr . iif oifname != "vethds*" drop
add rule inet dualstack from_pods icmpv6 type { nd-router-advert, nd-redirect } drop
add rule inet dualstack from_pods ip6 daddr fe80::/10 fib daddr . iif type != local drop
add rule inet dualstack from_pods ip saddr 127.0.0.0/8 drop
add rule inet dualstack from_pods ip daddr 127.0.0.0/8 drop
add rule inet dualstack from_pods iifname @guarded jump check_source
add rule inet dualstack from_pods iifname @unguarded accept
add rule inet dualstack check_source icmp type { destination-unreachable, source-quench, redirect, time-exceeded, parameter-problem } iifname . @th,192,32 != @blamed_ipv4 drop
add rule inet dualstack check_source icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } iifname . @th,256,128 != @blamed_ipv6 drop
add rule inet dualstack check_source iifname . ether saddr . ip saddr @sources_ipv4 accept
add rule inet dualstack check_source iifname . ether saddr . ip6 saddr @sources_ipv6 accept
add rule inet dualstack check_source iifname . ether saddr . ip6 saddr @link_sources icmpv6 type { mld-listener-report, mld-listener-done, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept
add rule inet dualstack check_source drop
add rule inet dualstack from_outside fib daddr type local jump host_ports
add rule inet dualstack from_node fib daddr type local jump host_ports
add rule inet dualstack host_ports ip6 daddr ::1 return
add rule inet dualstack host_ports dnat ip to ip daddr . meta l4proto . th dport map @ports_on_ipv4
add rule inet dualstack host_ports dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports_on_ipv6
add rule inet dualstack host_ports meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports_ipv4
add rule inet dualstack host_ports meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports_ipv6
add rule inet dualstack to_pods ct status dnat iifname . oifname @hairpins masquerade fully-random
add rule inet dualstack to_pods ct status dnat oifname "vethds*" ip saddr 127.0.0.0/8 masquerade fully-random
add rule inet dualstack to_outside iifname . ip saddr vmap @egress_ipv4
add rule inet dualstack to_outside iifname . ip6 saddr vmap @egress_ipv6
`;

test('the part of the table that all pods share, whole', (t) => {
  t.is(formatTransaction(declare(base)).replaceAll(planChain, 'plan_DIGEST'), whole);
});

test('no key is of one plain type, and no map leads to a verdict but by typeof', (t) => {
  for (const { kind, name, header } of base.filter((block) => block.kind !== 'chain')) {
    const isPlain =
      /^type \w+(?: :|;)/.test(header) || (/ : verdict/.test(header) && header.startsWith('type '));
    t.false(isPlain, `${kind} ${name}: nft 1.0.6 crashes on what later versions store of it`);
  }
});

for (const { what, addresses, direct, settings, rules } of samples) {
  test(`which packets leave with the node's address: ${what}`, (t) => {
    const egress = planEgress(addresses, direct, settings);
    t.deepEqual(egressChain(egress).rules, rules);
    t.is(egress.families.length, rules.length);
    t.is(egressChain(planEgress(addresses, direct.toReversed(), settings)).name, egressChain(egress).name);
  });
}

const said = {
  nftables: [
    { metainfo: { version: '1.1.3' } },
    { table: { family: 'inet', name: 'dualstack', handle: 1 } },
    { set: { name: 'guarded', type: 'ifname', handle: 2, elem: ['vethds01'] } },
    { set: { name: 'link_sources', handle: 3, elem: [{ concat: ['vethds01', '02:00:00:00:00:01', '::'] }] } },
    {
      map: {
        name: 'ports_ipv4',
        handle: 4,
        elem: [
          [{ concat: [6, 80] }, { concat: ['10.0.0.2', 8080] }],
          [{ concat: ['udp', 53] }, { concat: ['10.0.0.2', 53] }],
        ],
      },
    },
    {
      map: {
        name: 'egress_ipv4',
        handle: 5,
        elem: [
          [
            { elem: { val: { concat: ['vethds01', '10.0.0.2'] }, counter: {} } },
            { jump: { target: 'egress_a' } },
          ],
        ],
      },
    },
    { chain: { name: 'guard', handle: 6, prio: -300 } },
    { rule: { chain: 'guard', handle: 7, expr: [{ drop: null }] } },
  ],
};

test('a listing, whatever words nft has for protocols', (t) => {
  const listing = parseListing(JSON.stringify(said));
  t.deepEqual(Object.fromEntries(valuesOf(listing)), {
    'guarded vethds01': '',
    'link_sources vethds01 02:00:00:00:00:01 ::': '',
    'ports_ipv4 tcp 80': '10.0.0.2 8080',
    'ports_ipv4 udp 53': '10.0.0.2 53',
    'egress_ipv4 vethds01 10.0.0.2': 'jump egress_a',
  });
  t.is(
    listing.blocks.get('chain guard'),
    '{"name":"guard","prio":-300}\n{"chain":"guard","expr":[{"drop":null}]}',
  );
  const echoed = { nftables: said.nftables.map((object) => ({ add: object })) };
  t.deepEqual(parseListing(JSON.stringify(echoed)), listing);
});
