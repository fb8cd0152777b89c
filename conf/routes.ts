import { codes, Failure } from './failure.ts';
import { type Address, type Cidr, cidrs, contains, formatAddress } from './family.ts';

/** One entry of `routes`, as far as it says how packets go. */
interface Hop {
  readonly dst: Cidr;
  readonly gw?: Address | undefined;
  readonly scope?: number | undefined;
}

/** From here on a scope says that its destinations are on the link: such a route has no gateway (rtnetlink(7)). */
export const linkScope = 253;

/** "Nowhere": the kernel takes no such route. */
const noScope = 255;

/**
 * No interface has one of these, so that nothing goes through it: "this host", loopback, multicast, broadcast (RFC 6890,
 * 2.2.2; RFC 5771), and for IPv6 unspecified, loopback, multicast (RFC 4291, 2.4).
 */
const nobodys = cidrs(
  ...['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/127', 'ff00::/8'],
);

/** On every link, whatever its other addresses are (RFC 4291, 2.5.6). */
const linkLocal = cidrs('fe80::/10');

/** Whether an interface may have the address, so that packets can go through it. */
export function canBeGateway(address: Address): boolean {
  return !nobodys.some((range) => contains(range, address));
}

function problemOf(hop: Hop, before: readonly Hop[], gateways: readonly Address[]): string | undefined {
  const { dst, gw, scope = 0 } = hop;
  if (scope >= noScope) return 'has scope 255, which is nowhere';
  if (!gw) return undefined;
  const via = `has gateway ${formatAddress(gw)}`;
  if (gw.family !== dst.family) return `${via}, which is not ${dst.family.name}`;
  if (!canBeGateway(gw)) return `${via}, which nobody can have`;
  if (scope >= linkScope) return `${via}, and a scope that has none`;
  const own = gateways.filter(({ family }) => family === gw.family);
  const onLink = before
    .filter((other) => !other.gw && (other.scope ?? 0) >= linkScope)
    .map((other) => other.dst);
  const isReached =
    own.length === 0 ||
    own.some(({ value }) => value === gw.value) ||
    [...linkLocal, ...onLink].some((range) => contains(range, gw));
  if (isReached) return undefined;
  return `${via}, which is not on the pod's link: that has ${own.map(formatAddress).join(' and ')}`;
}

/**
 * Holds routes against the gateways that a pod has, all that can be known before the kernel is asked.
 *
 * @param gateways of a family; when it has none, nobody knows them yet.
 * @throws {Failure} code 7 for a gateway that no packet could go through.
 */
export function rejectUnreachable(routes: readonly Hop[], gateways: readonly Address[]): void {
  routes.forEach((hop, index) => {
    const problem = problemOf(hop, routes.slice(0, index), gateways);
    if (problem)
      throw new Failure(codes.configuration, `invalid network configuration: routes[${index}] ${problem}`);
  });
}
