import type { RangeSets, Route } from '../conf/configuration.ts';
import { codes, Failure } from '../conf/failure.ts';
import {
  type Address,
  type Cidr,
  cidrs,
  contains,
  type Family,
  formatAddress,
  formatCidr,
  type Interval,
  intervalOf,
  lastOf,
  overlap,
} from '../conf/family.ts';
import { subtract } from '../conf/interval.ts';
import { canBeGateway, rejectUnreachable } from '../conf/routes.ts';

/** Addresses that may all be handed out. */
export interface Span extends Interval {
  readonly subnet: Cidr;
  readonly gateway: Address;
}

/**
 * The addresses of one family, as spans that are not empty and do not overlap. An attachment gets one address from a
 * pool.
 */
export interface Pool {
  readonly family: Family;
  /** Its place in the configuration: the number in the name of host-local's `last_reserved_ip.<n>`. */
  readonly position: number;
  /** As the operator wrote them. */
  readonly subnets: readonly Cidr[];
  readonly spans: readonly Span[];
}

/** What the pools are made from. */
export interface PoolInput {
  readonly podCIDRs: readonly Cidr[];
  readonly ranges?: RangeSets | undefined;
  readonly exclude: readonly Cidr[];
  readonly gateway?: Address | undefined;
  readonly gateways: readonly Address[];
  /** Only for pods that this plugin connects: each route must use a gateway on their link. */
  readonly routes?: readonly Route[] | undefined;
}

interface Range extends Interval {
  readonly subnet: Cidr;
  readonly gateway: Address;
}

function invalid(message: string): Failure {
  return new Failure(codes.configuration, `invalid network configuration: ${message}`);
}

/** The first address of a subnet after its network address or subnet-router anycast address. */
function firstHost(subnet: Cidr): Address {
  const hostBits = subnet.family.bits - subnet.prefix;
  // RFC 3021 (/31) and RFC 6164 (/127): a link of two has no such addresses; nor has a single one.
  return { family: subnet.family, value: hostBits > 1 ? subnet.base + 1n : subnet.base };
}

/** Never assigned: network and broadcast address (IPv4), subnet-router anycast address (RFC 4291, 2.6.1). */
function reserved(subnet: Cidr): Interval[] {
  if (subnet.family.bits - subnet.prefix <= 1) return [];
  const lowest = { first: subnet.base, last: subnet.base };
  const highest = { first: lastOf(subnet), last: lastOf(subnet) };
  return subnet.family.name === 'IPv4' ? [lowest, highest] : [lowest];
}

function gatewayOf(subnet: Cidr, own: Address | undefined, input: PoolInput): Address {
  const named = [...(own ? [own] : []), ...(input.gateway ? [input.gateway] : []), ...input.gateways];
  const gateway = named.find(({ family }) => family === subnet.family) ?? firstHost(subnet);
  if (canBeGateway(gateway)) return gateway;
  throw invalid(`gateway ${formatAddress(gateway)} of ${formatCidr(subnet)} is not a usable address`);
}

/** `gateway` and `gateways` apply to all ranges of a family; a second gateway would be silently ignored. */
function rejectSecondGateway({ gateway, gateways }: PoolInput): void {
  const first = new Map<Family, string>();
  for (const address of [...(gateway ? [gateway] : []), ...gateways]) {
    const [text, { family }] = [formatAddress(address), address];
    const other = first.get(family) ?? text;
    if (other !== text)
      throw invalid(
        `${other} and ${text} are two gateways of ${family.name}: name one, or each in its range of "ranges"`,
      );
    first.set(family, text);
  }
}

function rangeBound(subnet: Cidr, bound: Address | undefined, otherwise: bigint): bigint {
  if (!bound) return otherwise;
  if (contains(subnet, bound)) return bound.value;
  throw invalid(`${formatAddress(bound)} is outside its subnet ${formatCidr(subnet)}`);
}

/**
 * The kernel does not allow these addresses on a pod's interface, or does not route to them: "this host", loopback,
 * multicast (RFC 6890, 2.2.2; RFC 5771), and for IPv6 unspecified, loopback, link-local, multicast (RFC 4291, 2.4).
 */
const unusable = cidrs('0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '::/127', 'fe80::/10', 'ff00::/8');

function rejectUnusable(subnet: Cidr): void {
  const special = unusable.find((range) => overlap(range, subnet));
  if (special)
    throw invalid(`${formatCidr(subnet)} has addresses of ${formatCidr(special)}, which no pod can have`);
}

type ConfiguredRange = RangeSets[number][number];

function toRange(range: ConfiguredRange, input: PoolInput): Range {
  const { subnet } = range;
  rejectUnusable(subnet);
  const first = rangeBound(subnet, range.rangeStart, subnet.base);
  const last = rangeBound(subnet, range.rangeEnd, lastOf(subnet));
  if (first > last) throw invalid(`the range in ${formatCidr(subnet)} ends before it starts`);
  if (range.gateway && range.gateway.family !== subnet.family) {
    throw invalid(`gateway ${formatAddress(range.gateway)} is not of the family of ${formatCidr(subnet)}`);
  }
  return { subnet, first, last, gateway: gatewayOf(subnet, range.gateway, input) };
}

function toSpans(range: Range, ranges: readonly Range[], excluded: readonly Cidr[]): Span[] {
  const gateways = ranges.map(({ gateway }) => ({ first: gateway.value, last: gateway.value }));
  const taken = [...reserved(range.subnet), ...gateways, ...excluded.map(intervalOf)];
  return subtract(range, taken).map(({ first, last }) => ({
    first,
    last,
    subnet: range.subnet,
    gateway: range.gateway,
  }));
}

function rejectOverlaps(ranges: readonly Range[]): void {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1));
  sorted.slice(1).forEach((range, index) => {
    const before = sorted[index];
    if (before && range.first <= before.last) {
      throw invalid(`${formatCidr(before.subnet)} and ${formatCidr(range.subnet)} overlap`);
    }
  });
}

function toPool(family: Family, position: number, ranges: readonly Range[], input: PoolInput): Pool {
  rejectOverlaps(ranges);
  const excluded = input.exclude.filter((cidr) => cidr.family === family);
  const subnets = ranges.map((range) => range.subnet);
  const spans = ranges.flatMap((range) => toSpans(range, ranges, excluded));
  if (spans.length === 0) {
    const reason = 'too small: no address is left for a pod';
    throw invalid(`${subnets.map(formatCidr).join(', ')} is ${reason}`);
  }
  return { family, position, subnets, spans };
}

/** The families in the order in which the operator first names them. */
function namedOrder(subnets: readonly Cidr[]): Family[] {
  return [...new Set(subnets.map((subnet) => subnet.family))];
}

/**
 * In host-local, a pod gets one address from each set. Here a pod gets one address of each family, so a second set of a
 * family would be silently ignored. A set with both families makes no sense.
 */
function rejectSets(sets: RangeSets): void {
  sets.forEach((set, index) => {
    const [family, other] = namedOrder(set.map(({ subnet }) => subnet));
    if (other) throw invalid(`ranges[${index}] has both families: give each a set of its own`);
    const before = sets.findIndex(([range]) => range?.subnet.family === family);
    if (family && before < index)
      throw invalid(
        `ranges[${index}] is a second set of ${family.name}, but a pod gets one address of each family: merge it into ranges[${before}]`,
      );
  });
}

/** Each range is compared with all excluded ranges and gateways, because a node has only a few. */
const mostRanges = 1000;

function rejectTooMany(list: readonly unknown[], what: string): void {
  if (list.length > mostRanges)
    throw invalid(`there are ${list.length} ${what}, and the limit is ${mostRanges}`);
}

/**
 * One pool for each family that has a range, in the order of the configuration. Addresses are not enumerated: a /64
 * costs as much as a /24.
 *
 * @throws {Failure} code 7 for a set of both families, a second set or gateway of one, overlapping, empty or too many
 *   ranges, for such as no pod can have addresses of, and for bounds outside their subnet.
 */
export function poolsOf(input: PoolInput): Pool[] {
  const ofPodCIDRs = input.podCIDRs.map((subnet) => ({ subnet }));
  rejectSets(input.ranges ?? []);
  rejectSecondGateway(input);
  const configured: readonly ConfiguredRange[] = input.ranges?.length ? input.ranges.flat() : ofPodCIDRs;
  rejectTooMany(configured, 'ranges');
  rejectTooMany(input.exclude, 'entries in exclude');
  const order = namedOrder(configured.map(({ subnet }) => subnet));
  const ranges = configured.map((range) => toRange(range, input));
  rejectUnreachable(
    input.routes ?? [],
    ranges.map(({ gateway }) => gateway),
  );
  return order.map((family, position) =>
    toPool(
      family,
      position,
      ranges.filter((range) => range.subnet.family === family),
      input,
    ),
  );
}

/** How many addresses the pool hands out. */
export function capacity(pool: Pool): bigint {
  return pool.spans.reduce((sum, span) => sum + span.last - span.first + 1n, 0n);
}

/** The span that contains an address; undefined if the address is never assigned. */
export function spanOf(pool: Pool, value: bigint): Span | undefined {
  return pool.spans.find((span) => value >= span.first && value <= span.last);
}

/** Whether a pool hands out what this text says. */
export function handsOut(pool: Pool, address: string): boolean {
  const value = pool.family.parse(address);
  return value !== undefined && spanOf(pool, value) !== undefined;
}

/** The next address, in turn. After none, or after an address that is no longer in the pool, it is the first one. */
export function successor(pool: Pool, value: bigint | undefined): bigint {
  const lowest = pool.spans[0]?.first ?? 0n;
  if (value === undefined) return lowest;
  const index = pool.spans.findIndex((span) => value >= span.first && value <= span.last);
  const span = pool.spans[index];
  if (span && value < span.last) return value + 1n;
  if (span) return pool.spans[index + 1]?.first ?? lowest;
  return pool.spans.find((next) => next.first > value && value >= next.subnet.base)?.first ?? lowest;
}

/** The pool for messages: its subnets and its size. */
export function describePool(pool: Pool): string {
  const size = capacity(pool);
  return `${pool.subnets.map(formatCidr).join(', ')} (${size} ${size === 1n ? 'address' : 'addresses'})`;
}
