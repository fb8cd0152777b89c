import { createHash } from 'node:crypto';
import { families } from '../../conf/family.ts';
import { hostEndPrefix } from '../link/naming.ts';

/** The one table that is ours, for both families. */
export const tableName = 'inet dualstack';

/** A set, a map or a chain: what it is declared with, and, in a chain, the rules. */
export interface Block {
  readonly kind: 'set' | 'map' | 'chain';
  readonly name: string;
  /** In nft's words, with semicolons; empty for a chain that only others jump to. */
  readonly header: string;
  readonly rules: readonly string[];
}

/** nftables' word for each family in rules and types. */
export const words = { IPv4: 'ip', IPv6: 'ip6' } as const;

/** `IPv4` as part of a name. */
export function suffixOf(family: { readonly name: string }): string {
  return family.name.toLowerCase();
}

/*
 * nft 1.1.3 and later store a set of one plain type, and a map from a plain type to a verdict, so that nft 1.0.6 dies
 * when it lists the table, or any (kubernetes/kubernetes#136786): such keys are written with typeof. Priorities and
 * hooks are numbers, for their names differ between versions.
 */
function set(name: string, key: string): Block {
  return { kind: 'set', name, header: `${key};`, rules: [] };
}

function map(name: string, type: string): Block {
  return { kind: 'map', name, header: `${type};`, rules: [] };
}

function chain(name: string, rules: readonly string[], hook?: string): Block {
  return { kind: 'chain', name, header: hook ? `type ${hook}; policy accept;` : '', rules };
}

const fromPods = `"${hostEndPrefix}*"`;

/**
 * Whom the packet was for that an ICMP error is about: bits behind the error's own header. It is a number, for nftables
 * has no name for it.
 */
const blamed = { IPv4: '@th,192,32', IPv6: '@th,256,128' } as const;

/** The types of ICMP errors (RFC 792, RFC 4443): they lower what the receiver thinks of a path. */
const errors = {
  IPv4: 'icmp type { destination-unreachable, source-quench, redirect, time-exceeded, parameter-problem }',
  IPv6: 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }',
} as const;

const sets: readonly Block[] = [
  set('guarded', 'typeof iifname'),
  set('unguarded', 'typeof iifname'),
  set('uplinks', 'typeof iifname'),
  set('link_sources', 'type ifname . ether_addr . ipv6_addr'),
  set('hairpins', 'type ifname . ifname'),
  ...families.flatMap((family) => {
    const suffix = suffixOf(family);
    const target = `${suffix}_addr . inet_service`;
    return [
      set(`blamed_${suffix}`, `typeof iifname . ${blamed[family.name]}`),
      set(`sources_${suffix}`, `type ifname . ether_addr . ${suffix}_addr`),
      map(`ports_${suffix}`, `type inet_proto . inet_service : ${target}`),
      map(`ports_on_${suffix}`, `type ${suffix}_addr . inet_proto . inet_service : ${target}`),
      map(`egress_${suffix}`, `typeof iifname . ${words[family.name]} saddr : verdict`),
    ];
  }),
];

/** What IPv6 needs on a link before there is any other address (RFC 4861, 2710, 3810), but what routers say. */
const linkScope = [
  'mld-listener-report',
  'mld-listener-done',
  'nd-router-solicit',
  'nd-neighbor-solicit',
  'nd-neighbor-advert',
  'mld2-listener-report',
];

const chains: readonly Block[] = [
  // A pod that may make links on the node can give one any name but that of a host end, and send from it. A source whose
  // route leads to a host end comes from there, or from the uplinks: a balancer outside may send a pod its own packets.
  chain(
    'guard',
    [
      `iifname ${fromPods} jump from_pods`,
      'iifname "lo" accept',
      'iifname @uplinks accept',
      `fib saddr oifname ${fromPods} fib saddr . iif oifname != ${fromPods} drop`,
    ],
    'filter hook prerouting priority -300',
  ),
  // No pod is a router; and none may reach what listens on the node's loopback (CVE-2020-8558), which host ports open.
  // The node would look for each link-local address that a pod sends to on the pod's own link, a neighbour for each.
  chain('from_pods', [
    'icmpv6 type { nd-router-advert, nd-redirect } drop',
    'ip6 daddr fe80::/10 fib daddr . iif type != local drop',
    'ip saddr 127.0.0.0/8 drop',
    'ip daddr 127.0.0.0/8 drop',
    'iifname @guarded jump check_source',
    'iifname @unguarded accept',
  ]),
  chain('check_source', [
    ...families.map(
      (family) =>
        `${errors[family.name]} iifname . ${blamed[family.name]} != @blamed_${suffixOf(family)} drop`,
    ),
    ...families.map(
      (family) => `iifname . ether saddr . ${words[family.name]} saddr @sources_${suffixOf(family)} accept`,
    ),
    `iifname . ether saddr . ip6 saddr @link_sources icmpv6 type { ${linkScope.join(', ')} } accept`,
    'drop',
  ]),
  chain('from_outside', ['fib daddr type local jump host_ports'], 'nat hook prerouting priority -100'),
  chain('from_node', ['fib daddr type local jump host_ports'], 'nat hook output priority -100'),
  // IPv6 has no way from ::1 to another interface: what listens there keeps its port.
  chain('host_ports', [
    'ip6 daddr ::1 return',
    ...families.map((family) => {
      const word = words[family.name];
      return `dnat ${word} to ${word} daddr . meta l4proto . th dport map @ports_on_${suffixOf(family)}`;
    }),
    ...families.map(
      (family) =>
        `meta nfproto ${suffixOf(family)} dnat ${words[family.name]} to meta l4proto . th dport map @ports_${suffixOf(family)}`,
    ),
  ]),
  // The client's source is kept, but where the answer would not come back: a pod to itself, and the node's loopback.
  chain(
    'to_pods',
    [
      'ct status dnat iifname . oifname @hairpins masquerade fully-random',
      `ct status dnat oifname ${fromPods} ip saddr 127.0.0.0/8 masquerade fully-random`,
    ],
    'nat hook postrouting priority 100',
  ),
  // What a pod has in these maps is what its configuration said when it was added.
  chain(
    'to_outside',
    families.map((family) => `iifname . ${words[family.name]} saddr vmap @egress_${suffixOf(family)}`),
    'nat hook postrouting priority 100',
  ),
];

/** Tables that this plan did not make lack the chain of this name. */
export const planPrefix = 'plan_';

const shared: readonly Block[] = [...sets, ...chains];

const digest = createHash('sha256').update(JSON.stringify(shared)).digest('hex');

/** The chain that says, by being there, which plan the table follows. It holds no rules. */
export const planChain = `${planPrefix}${digest.slice(0, 12)}`;

/** The part of the table that all pods of a node share: the same for every configuration. */
export const base: readonly Block[] = [...shared, chain(planChain, [])];
