import { families } from '../../conf/family.ts';
import { hostEndPrefix } from '../link/naming.ts';

/** The one table that is ours, for both families. Everything in it is text, as `nft` lists it. */
export const tableName = 'inet dualstack';

/** A set, a map or a chain: what it is declared with, and, in a chain, the rules. */
export interface Block {
  readonly kind: 'set' | 'map' | 'chain';
  readonly name: string;
  readonly header: readonly string[];
  readonly rules: readonly string[];
}

/** `IPv4` as part of a name. */
export function suffixOf(family: { readonly name: string }): string {
  return family.name.toLowerCase();
}

function set(name: string, type: string): Block {
  return { kind: 'set', name, header: [`type ${type}`], rules: [] };
}

function map(name: string, type: string): Block {
  return { kind: 'map', name, header: [`type ${type}`], rules: [] };
}

function chain(name: string, rules: readonly string[], hook?: string): Block {
  return { kind: 'chain', name, header: hook ? [`type ${hook}; policy accept;`] : [], rules };
}

/** nftables' word for each family in rules and types. */
export const words = { IPv4: 'ip', IPv6: 'ip6' } as const;
const fromPods = `"${hostEndPrefix}*"`;

const sets: readonly Block[] = [
  set('guarded', 'ifname'),
  set('owners', 'ifname . ether_addr'),
  set('hairpins', 'ifname . ifname'),
  ...families.flatMap((family) => {
    const address = `${suffixOf(family)}_addr`;
    const target = `${address} . inet_service`;
    return [
      set(`sources_${suffixOf(family)}`, `ifname . ether_addr . ${address}`),
      map(`ports_${suffixOf(family)}`, `inet_proto . inet_service : ${target}`),
      map(`ports_on_${suffixOf(family)}`, `${address} . inet_proto . inet_service : ${target}`),
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
  chain('guard', [`iifname ${fromPods} jump from_pods`], 'filter hook prerouting priority raw'),
  // No pod is a router; and none may reach what listens on the node's loopback (CVE-2020-8558), which host ports open.
  chain('from_pods', [
    'icmpv6 type { nd-router-advert, nd-redirect } drop',
    'ip saddr 127.0.0.0/8 drop',
    'ip daddr 127.0.0.0/8 drop',
    'iifname @guarded jump check_source',
  ]),
  chain('check_source', [
    ...families.map(
      (family) => `iifname . ether saddr . ${words[family.name]} saddr @sources_${suffixOf(family)} return`,
    ),
    `iifname . ether saddr @owners ip6 saddr { ::, fe80::/10 } icmpv6 type { ${linkScope.join(', ')} } return`,
    'drop',
  ]),
  chain('from_outside', ['fib daddr type local jump host_ports'], 'nat hook prerouting priority dstnat'),
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
    'nat hook postrouting priority srcnat',
  ),
];

/** The part of the table that all networks of a node share: the same for every configuration. */
export const base: readonly Block[] = [...sets, ...chains];

function textOf({ kind, name, header, rules }: Block): string {
  const lines = [...header, ...rules].map((line) => `\t\t${line}\n`);
  return `\t${kind} ${name} {\n${lines.join('')}\t}\n`;
}

function tableOf(blocks: readonly string[]): string {
  return `table ${tableName} {\n${blocks.join('\n')}}\n`;
}

/** The table with these blocks, exactly as `nft -t list table` shows it. */
export function planTable(blocks: readonly Block[]): string {
  return tableOf(blocks.map(textOf));
}

/**
 * Lines for `nft -f -` that bring these blocks to what they should be, and leave the elements of sets alone.
 *
 * @param unwanted names of chains that should not be.
 */
export function planRewrite(blocks: readonly Block[], unwanted: readonly string[] = []): string {
  const own = blocks.filter(({ kind }) => kind === 'chain').map(({ name }) => name);
  return [
    planTable(blocks.map((block) => ({ ...block, rules: [] }))),
    ...own.map((name) => `flush chain ${tableName} ${name}\n`),
    ...unwanted.flatMap((name) =>
      ['add', 'flush', 'delete'].map((verb) => `${verb} chain ${tableName} ${name}\n`),
    ),
    planTable(blocks),
  ].join('');
}

/** Lines before others that make the table anew, for one that is not ours to mend: of another version, say. */
export const removal = `add table ${tableName}\ndelete table ${tableName}\n`;

/** Asks for the table, at the end of other lines or alone. */
export const listingLine = `list table ${tableName}\n`;

/** A listing, taken apart: the text of each block under `chain guard`. */
export type Listing = ReadonlyMap<string, string>;

/**
 * Takes apart what `nft -t list table` says:
 *
 *     table inet dualstack {
 *         set guarded {
 *             type ifname
 *         }
 *         chain guard {
 *             …
 */
export function parseListing(text: string): Listing {
  const blocks = [...text.matchAll(/^\t(set|map|chain) (\S+) \{\n(?:\t\t.*\n)*\t\}\n/gm)];
  return new Map(blocks.map(([block, kind, name]) => [`${kind} ${name}`, block]));
}

/** The names of the blocks that are missing or otherwise than they should be: `chain guard`. */
export function differences(listing: Listing, blocks: readonly Block[]): string[] {
  const wrong = blocks.filter((block) => listing.get(`${block.kind} ${block.name}`) !== textOf(block));
  return wrong.map(({ kind, name }) => `${kind} ${name}`);
}
