import { createHash } from 'node:crypto';
import type { Masquerade } from '../../conf/configuration.ts';
import {
  type Address,
  type Cidr,
  cidrs,
  contains,
  type Family,
  type FamilyName,
  families,
} from '../../conf/family.ts';
import { formatInterval, isEverything, merged } from '../../conf/interval.ts';
import { type Block, words } from './table.ts';

/** Which packets of a pod leave the node with the node's address. */
export interface Egress {
  /** Those whose packets do; empty when none do. */
  readonly families: readonly FamilyName[];
  /** Destinations, of all families, for which packets keep the pod's address. */
  readonly exempt: readonly Cidr[];
}

/** Not routed in the Internet: RFC 1918, RFC 6598 (carrier-grade NAT), RFC 4193 (ULA). */
const privateRanges = cidrs('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7');

/** Multicast and broadcast: answers do not come back to one address. */
const manyRanges = cidrs('224.0.0.0/4', '255.255.255.255/32', 'ff00::/8');

/** Link-local addresses (RFC 3927; RFC 4291, 2.5.6), by family. */
const linkLocalRanges = { IPv4: cidrs('169.254.0.0/16'), IPv6: cidrs('fe80::/10') } as const;

function isPrivate(address: Address): boolean {
  return privateRanges.some((range) => contains(range, address));
}

/** What the configuration says of masquerading. */
export interface EgressSettings {
  readonly ipMasq: Masquerade;
  readonly masqLinkLocal: boolean;
  readonly masqLinkLocalIPv6: boolean;
}

function isMasqueraded(address: Address, { ipMasq }: EgressSettings): boolean {
  const setting = typeof ipMasq === 'object' ? (ipMasq[address.family.name] ?? 'auto') : ipMasq;
  return setting === 'auto' ? isPrivate(address) : setting;
}

/**
 * The egress settings of a pod with these addresses.
 *
 * @param direct destinations that see the pod's own address, beside multicast.
 */
export function planEgress(
  addresses: readonly Address[],
  direct: readonly Cidr[],
  settings: EgressSettings,
): Egress {
  const linkLocal = [
    ...(settings.masqLinkLocal ? [] : linkLocalRanges.IPv4),
    ...(settings.masqLinkLocalIPv6 ? [] : linkLocalRanges.IPv6),
  ];
  const exempt = [...direct, ...linkLocal, ...manyRanges];
  const due = families.filter(
    (family) =>
      addresses.some((address) => address.family === family && isMasqueraded(address, settings)) &&
      !isEverything(family, of(family, exempt)),
  );
  const used = exempt.filter(({ family }) => due.includes(family));
  return { families: due.map(({ name }) => name), exempt: used };
}

function of(family: Family, ranges: readonly Cidr[]): Cidr[] {
  return ranges.filter((range) => range.family === family);
}

function ruleFor(family: Family, exempt: readonly Cidr[]): string {
  const parts = merged(of(family, exempt)).map((interval) => formatInterval(family, interval));
  return `${words[family.name]} daddr != { ${parts.join(', ')} } masquerade fully-random`;
}

/** Chains of this name masquerade, and hold what a digest in their name says: one that is there is right. */
export const egressPrefix = 'egress_';

/** The chain that the packets of a pod pass when they leave: pods of the same configuration share one. */
export function egressChain({ families: due, exempt }: Egress): Block {
  const rules = families.filter(({ name }) => due.includes(name)).map((family) => ruleFor(family, exempt));
  const digest = createHash('sha256').update(rules.join('\n')).digest('hex');
  return { kind: 'chain', name: `${egressPrefix}${digest.slice(0, 12)}`, header: '', rules };
}

/** The egress chains of these footprints, without duplicates. Pods whose packets keep their source have none. */
export function egressChains(plans: readonly Egress[]): Block[] {
  const chains = plans.filter(({ families: due }) => due.length > 0).map(egressChain);
  return [...new Map(chains.map((chain) => [chain.name, chain])).values()];
}
