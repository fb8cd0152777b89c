import { createHash } from 'node:crypto';
import type { Masquerade } from '../../conf/configuration.ts';
import {
  type Cidr,
  cidrs,
  contains,
  type Family,
  families,
  formatCidr,
  type Interval,
  intervalOf,
  sizeOf,
} from '../../conf/family.ts';
import { type Block, words } from './table.ts';

/** What decides which packets of a network's pods leave the node with the node's address. */
export interface Egress {
  /** The network's name. */
  readonly network: string;
  readonly ipMasq: Masquerade;
  /** Where pods of the network have their addresses. */
  readonly podRanges: readonly Cidr[];
  /** Never masqueraded to, beside the pod ranges. */
  readonly exempt: readonly Cidr[];
  /** Whether another plugin gave the addresses: then another pod of the network may have other ranges. */
  readonly delegated: boolean;
}

/** Not routed in the Internet: RFC 1918, RFC 6598 (carrier-grade NAT), RFC 4193 (ULA). */
const privateRanges = cidrs('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7');

/** Packets to these never leave a link, or have no one address to come back to: link-local, multicast, broadcast. */
const linkRanges = cidrs('169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32', 'fe80::/10', 'ff00::/8');

function isPrivate(range: Cidr): boolean {
  return privateRanges.some(
    (whole) => whole.prefix <= range.prefix && contains(whole, { family: range.family, value: range.base }),
  );
}

/** As few intervals as hold the same addresses, in order: nft wants them so, and shows them so. */
function merged(ranges: readonly Cidr[]): Interval[] {
  const sorted = ranges.map(intervalOf).sort((a, b) => (a.first < b.first ? -1 : 1));
  const done: { first: bigint; last: bigint }[] = [];
  for (const next of sorted) {
    const before = done.at(-1);
    if (!before || next.first > before.last + 1n) done.push({ ...next });
    else if (next.last > before.last) before.last = next.last;
  }
  return done;
}

/** `10.0.0.0/8`, `10.0.0.1`, or `10.0.0.0-10.2.255.255` for what is no CIDR. */
function formatInterval(family: Family, { first, last }: Interval): string {
  const size = last - first + 1n;
  const bits = size.toString(2).length - 1;
  if (size === 1n) return family.format(first);
  if (size === 1n << BigInt(bits) && first % size === 0n) {
    return `${family.format(first)}/${family.bits - bits}`;
  }
  return `${family.format(first)}-${family.format(last)}`;
}

function expression(family: Family, ranges: readonly Cidr[]): string {
  const parts = merged(ranges).map((interval) => formatInterval(family, interval));
  return parts.length === 1 ? parts.join() : `{ ${parts.join(', ')} }`;
}

function isEverything(family: Family, ranges: readonly Cidr[]): boolean {
  return merged(ranges).some(({ first, last }) => last - first + 1n === sizeOf(family, 0));
}

function masqueraded(family: Family, { ipMasq, podRanges }: Egress): Cidr[] {
  const setting = typeof ipMasq === 'object' ? (ipMasq[family.name] ?? 'auto') : ipMasq;
  const ranges = podRanges.filter((range) => range.family === family);
  if (setting === 'auto') return ranges.filter(isPrivate);
  return setting ? ranges : [];
}

function rulesFor(family: Family, egress: Egress): string[] {
  const sources = masqueraded(family, egress);
  const exempt = [...egress.podRanges, ...egress.exempt, ...linkRanges].filter(
    (range) => range.family === family,
  );
  if (sources.length === 0 || isEverything(family, exempt)) return [];
  const word = words[family.name];
  return [
    `${word} saddr ${expression(family, sources)} ${word} daddr != ${expression(family, exempt)} masquerade fully-random`,
  ];
}

/** Of letters, digits and underscores, and unlike that of any other network. */
function chainName({ network, podRanges, delegated }: Egress): string {
  const ranges = delegated ? podRanges.map(formatCidr) : [];
  const digest = createHash('sha256')
    .update([network, ...ranges].join('\0'))
    .digest('hex');
  const readable = network.replace(/[^a-zA-Z0-9]/g, '_').slice(0, 64);
  return `masquerade_${readable}_${digest.slice(0, 8)}`;
}

/** A network's part of the table: the chain that it should have, and the one that it should not have. */
export interface NetworkPlan {
  readonly blocks: readonly Block[];
  readonly unwanted: readonly string[];
}

/** Where masquerading happens for a network: one chain of its own, with a rule for each family that needs one. */
export function planNetwork(egress: Egress): NetworkPlan {
  const rules = families.flatMap((family) => rulesFor(family, egress));
  const name = chainName(egress);
  if (rules.length === 0) return { blocks: [], unwanted: [name] };
  const header = [
    `comment "network ${egress.network.slice(0, 100)}"`,
    'type nat hook postrouting priority srcnat; policy accept;',
  ];
  return { blocks: [{ kind: 'chain', name, header, rules }], unwanted: [] };
}
