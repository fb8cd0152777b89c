import test from 'ava';
import { planNetwork } from '../../../netns/firewall/masquerade.ts';
import { base, differences, parseListing, planRewrite, planTable } from '../../../netns/firewall/table.ts';
import { cidrs, samples } from '../../lab/rule-sets.ts';

const whole = `table inet dualstack {
	set guarded {
		type ifname
	}

	set owners {
		type ifname . ether_addr
	}

	set hairpins {
		type ifname . ifname
	}

	set sources_ipv4 {
		type ifname . ether_addr . ipv4_addr
	}

	map ports_ipv4 {
		type inet_proto . inet_service : ipv4_addr . inet_service
	}

	map ports_on_ipv4 {
		type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
	}

	set sources_ipv6 {
		type ifname . ether_addr . ipv6_addr
	}

	map ports_ipv6 {
		type inet_proto . inet_service : ipv6_addr . inet_service
	}

	map ports_on_ipv6 {
		type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service
	}

	chain guard {
		type filter hook prerouting priority raw; policy accept;
		iifname "vethds*" jump from_pods
	}

	chain from_pods {
		icmpv6 type { nd-router-advert, nd-redirect } drop
		ip saddr 127.0.0.0/8 drop
		ip daddr 127.0.0.0/8 drop
		iifname @guarded jump check_source
	}

	chain check_source {
		iifname . ether saddr . ip saddr @sources_ipv4 return
		iifname . ether saddr . ip6 saddr @sources_ipv6 return
		iifname . ether saddr @owners ip6 saddr { ::, fe80::/10 } icmpv6 type { mld-listener-report, mld-listener-done, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } return
		drop
	}

	chain from_outside {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local jump host_ports
	}

	chain from_node {
		type nat hook output priority -100; policy accept;
		fib daddr type local jump host_ports
	}

	chain host_ports {
		ip6 daddr ::1 return
		dnat ip to ip daddr . meta l4proto . th dport map @ports_on_ipv4
		dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports_on_ipv6
		meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports_ipv4
		meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports_ipv6
	}

	chain to_pods {
		type nat hook postrouting priority srcnat; policy accept;
		ct status dnat iifname . oifname @hairpins masquerade fully-random
		ct status dnat oifname "vethds*" ip saddr 127.0.0.0/8 masquerade fully-random
	}
}
`;

test('the part that all networks share, whole', (t) => {
  t.is(planTable(base), whole);
});

for (const { what, egress, rules } of samples) {
  test(`a network’s own part: ${what}`, (t) => {
    const { blocks, unwanted } = planNetwork(egress);
    if (!rules) {
      t.deepEqual(blocks, []);
      t.regex(unwanted.join(), /^masquerade_pods_[0-9a-f]{8}$/);
      return;
    }
    t.deepEqual(unwanted, []);
    const [chain] = blocks;
    t.regex(chain?.name ?? '', /^masquerade_\w+_[0-9a-f]{8}$/);
    const lines = [
      `comment "network ${egress.network}"`,
      'type nat hook postrouting priority srcnat; policy accept;',
      ...rules,
    ];
    const text = `\tchain ${chain?.name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
    t.is(planTable(blocks), `table inet dualstack {\n${text}}\n`);
  });
}

test('networks have chains of their own: unlike names, and, of a delegate, unlike ranges', (t) => {
  const [usual] = samples;
  if (!usual) return t.fail();
  const named = (more: object) => planNetwork({ ...usual.egress, ...more }).blocks[0]?.name;
  t.not(named({ network: 'a.b' }), named({ network: 'a-b' }));
  t.is(named({ podRanges: cidrs('10.0.0.0/8') }), named({}));
  t.not(named({ delegated: true, podRanges: cidrs('10.0.0.0/8') }), named({ delegated: true }));
  t.true((named({ network: 'n'.repeat(255) }) ?? '').length < 128);
});

test('a listing is taken apart and held against what should be, whatever else is in the table', (t) => {
  const foreign = '\tchain masquerade_others_12345678 {\n\t\taccept\n\t}\n';
  const listing = `${planTable(base).replace(/\}\n$/, '')}\n${foreign}}\n`;
  t.deepEqual(differences(parseListing(listing), base), []);
  t.is(parseListing(listing).get('chain masquerade_others_12345678'), foreign);
  const altered = listing
    .replace('\t\tip saddr 127.0.0.0/8 drop\n', '')
    .replace('type ifname . ifname', 'type ipv4_addr')
    .replace(/\tchain to_pods \{\n(?:\t\t.*\n)*\t\}\n/, '');
  t.deepEqual(differences(parseListing(altered), base), ['set hairpins', 'chain from_pods', 'chain to_pods']);
  t.is(differences(parseListing(''), base).length, base.length);
});

test('a rewrite declares all first, empties the chains, and then fills them; sets keep what is in them', (t) => {
  const block = { kind: 'chain', name: 'one', header: [], rules: ['accept'] } as const;
  t.is(
    planRewrite([{ kind: 'set', name: 's', header: ['type ifname'], rules: [] }, block], ['gone']),
    `table inet dualstack {
	set s {
		type ifname
	}

	chain one {
	}
}
flush chain inet dualstack one
add chain inet dualstack gone
flush chain inet dualstack gone
delete chain inet dualstack gone
table inet dualstack {
	set s {
		type ifname
	}

	chain one {
		accept
	}
}
`,
  );
});
