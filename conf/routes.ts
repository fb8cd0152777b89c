import { codes, Failure } from './failure.ts';
import { type Address, type Cidr, cidrs, contains, formatAddress, formatCidr } from './family.ts';

/** The fields of an entry of `routes` that decide where packets go. */
interface Hop {
  readonly dst: Cidr;
  readonly gw?: Address | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

/** The table "main", which is the kernel's choice as well (rtnetlink(7)). */
const mainTable = 254;

/** The kernel's default priority (ip-route(8)). */
const defaultPriority = { IPv4: 0, IPv6: 1024 } as const;

function tableOf({ table }: Hop): number {
  return table || mainTable;
}

/** Identifies a route: the kernel rejects a second route with the same key, even if it leads elsewhere. */
function placeOf(hop: Hop): string {
  const priority = hop.priority || defaultPriority[hop.dst.family.name];
  return [formatCidr(hop.dst), priority, tableOf(hop)].join(' ');
}

/** A pod has such a route to each of its gateways, before any other. */
function toGateway({ family, value }: Address): Hop {
  return { dst: { family, base: value, prefix: family.bits } };
}

function doubleOf(hop: Hop, before: readonly Hop[], gateways: readonly Address[]): string | undefined {
  const place = placeOf(hop);
  if (gateways.some((gateway) => placeOf(toGateway(gateway)) === place))
    return `leads to ${formatCidr(hop.dst)}, the gateway, which the pod has a route to anyway`;
  const first = before.findIndex((other) => placeOf(other) === place);
  if (first === -1) return undefined;
  return `leads to ${formatCidr(hop.dst)} as routes[${first}] does: give it another priority or table, or leave one out`;
}

/** With this scope or a higher one, destinations are on the link, so the route has no gateway (rtnetlink(7)). */
export const linkScope = 253;

/** "Nowhere": the kernel takes no such route. */
const noScope = 255;

/**
 * No interface can have one of these addresses, so nothing can be routed through them: "this host", loopback,
 * multicast, broadcast (RFC 6890, 2.2.2; RFC 5771), and for IPv6 unspecified, loopback, multicast (RFC 4291, 2.4).
 */
const nobodys = cidrs(
  ...['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/127', 'ff00::/8'],
);

/** Present on every link, regardless of its other addresses (RFC 4291, 2.5.6). */
const linkLocal = cidrs('fe80::/10');

/** Whether an interface can have the address, so that it can be a gateway. */
export function canBeGateway(address: Address): boolean {
  return !nobodys.some((range) => contains(range, address));
}

function problemOf(hop: Hop, before: readonly Hop[], gateways: readonly Address[]): string | undefined {
  const { dst, gw, scope = 0 } = hop;
  if (scope >= noScope) return 'has scope 255, which is nowhere';
  const double = doubleOf(hop, before, gateways);
  if (double || !gw) return double;
  const via = `has gateway ${formatAddress(gw)}`;
  if (gw.family !== dst.family) return `${via}, which is not ${dst.family.name}`;
  if (!canBeGateway(gw)) return `${via}, which is not a usable address`;
  if (scope >= linkScope) return `${via}, but its scope allows none`;
  const own = gateways.filter(({ family }) => family === gw.family);
  const onLink = before
    .filter((other) => !other.gw && (other.scope ?? 0) >= linkScope && tableOf(other) === mainTable)
    .map((other) => other.dst);
  const isReached =
    own.length === 0 ||
    own.some(({ value }) => value === gw.value) ||
    [...linkLocal, ...onLink].some((range) => contains(range, gw));
  if (isReached) return undefined;
  return `${via}, which is not on the pod's link: that has ${own.map(formatAddress).join(' and ')}`;
}

/**
 * Checks routes against a pod's gateways, as far as that is possible without the kernel.
 *
 * @param gateways of a family; empty if they are not known yet.
 * @throws {Failure} code 7 for a gateway that cannot be reached.
 */
export function rejectUnreachable(routes: readonly Hop[], gateways: readonly Address[]): void {
  routes.forEach((hop, index) => {
    const problem = problemOf(hop, routes.slice(0, index), gateways);
    if (problem)
      throw new Failure(codes.configuration, `invalid network configuration: routes[${index}] ${problem}`);
  });
}
