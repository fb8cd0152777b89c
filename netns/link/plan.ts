import type { Route } from '../../conf/configuration.ts';
import { type Address, type Cidr, type Family, formatAddress, formatCidr } from '../../conf/family.ts';
import { linkScope } from '../../conf/routes.ts';
import type { Endpoint } from '../../ipam/allocate.ts';
import { planUnreachable } from '../route/unreachable.ts';
import { hostEndPrefix, linkLocal, type PairNames } from './naming.ts';

/** Everything that wiring one attachment needs to know. */
export interface Wiring {
  readonly names: PairNames;
  readonly ifname: string;
  /** Of both ends, in bytes. */
  readonly mtu: number;
  /** Whether the kernel runs IPv6 on the links: then they are told to keep quiet, wanted or not. */
  readonly ipv6: boolean;
  /** For people: the host end's alias. */
  readonly alias: string | undefined;
  readonly addresses: readonly Endpoint[];
  /** What the pod routes to; a route without a gateway goes through its family's. */
  readonly routes: readonly Route[];
  /** The node's: it answers for what of them no pod has. */
  readonly podCIDRs: readonly Cidr[];
  /** Whether the pod may send from its own addresses alone. */
  readonly guarded: boolean;
}

/** How an inherited descriptor of the pod's namespace is named inside a program that we start. */
export const inheritedNamespace = '/proc/self/fd/3';

function host(address: Address): string {
  return `${formatAddress(address)}/${address.family.bits}`;
}

/** No duplicate address detection: the pool excludes duplicates, and a tentative address costs a second. */
function addAddress(address: Address, link: string): string {
  return `address add ${host(address)} dev ${link}${nodad(address)}`;
}

function nodad(address: Address): string {
  return address.family.name === 'IPv6' ? ' nodad' : '';
}

function addNeighbour(address: Address, mac: string, link: string): string {
  return `neighbour replace ${formatAddress(address)} lladdr ${mac} dev ${link} nud permanent`;
}

/** Whether the pod gets an IPv6 address. */
export function hasIPv6(wiring: Wiring): boolean {
  return wiring.addresses.some(({ address }) => address.family.name === 'IPv6');
}

/** The kernel would make a link-local address of its own, and test it for a second: this one is as good at once. */
function linkLocalLines(wiring: Wiring, mac: string, prefix: number, link: string): string[] {
  return hasIPv6(wiring) ? [`address add ${linkLocal(mac)}/${prefix} dev ${link} nodad`] : [];
}

/** Of link-local addresses (RFC 4291, 2.5.6). */
const linkLocalNetwork = 'fe80::/64';

function noGeneratedAddress(wiring: Wiring, link: string): string[] {
  return wiring.ipv6 ? [`link set dev ${link} addrgenmode none`] : [];
}

function gateways(wiring: Wiring): Address[] {
  const byText = new Map(wiring.addresses.map(({ gateway }) => [formatAddress(gateway), gateway]));
  return [...byText.values()];
}

/**
 * Lines for `ip -batch` on the host: the pair. Alias and MAC addresses are set when the link is made: udev leaves those
 * alone then (systemd.link(5)).
 */
export function planPair({ names, ifname, mtu, alias }: Wiring): string[] {
  const host = `link add name ${names.hostEnd} mtu ${mtu} address ${names.hostMac}`;
  const pod = `type veth peer name ${ifname} mtu ${mtu} address ${names.podMac} netns ${inheritedNamespace}`;
  const named = alias ? [`link set dev ${names.hostEnd} alias ${alias}`] : [];
  return [`${host} ${pod}`, ...named];
}

/**
 * Lines for `ip -batch` on the host, where the pair is: the host end as the pods' gateway. Its link-local address comes
 * without its network, and the route to that after it, one of many: a host that forwards would join the network's anycast
 * address (RFC 4291, 2.6.1), and the kernel take 20 ms longer to remove the link.
 */
export function planHostEnd(wiring: Wiring): string[] {
  const { hostEnd, hostMac, podMac } = wiring.names;
  const addresses = wiring.addresses.map(({ address }) => address);
  const families = addresses.map(({ family }) => family);
  return [
    ...noGeneratedAddress(wiring, hostEnd),
    ...gateways(wiring).map((gateway) => addAddress(gateway, hostEnd)),
    ...linkLocalLines(wiring, hostMac, 128, hostEnd),
    `link set dev ${hostEnd} up`,
    ...addresses.map((address) => addNeighbour(address, podMac, hostEnd)),
    ...addresses.map((address) => `route add ${host(address)} dev ${hostEnd}`),
    ...(hasIPv6(wiring) ? [`route append ${linkLocalNetwork} dev ${hostEnd}`] : []),
    ...planUnreachable(wiring.podCIDRs.filter(({ family }) => families.includes(family))),
  ];
}

/** Lines for `ip -batch` on the host: the pair, then its end there. */
export function planHost(wiring: Wiring): string[] {
  return [...planPair(wiring), ...planHostEnd(wiring)];
}

/** The routes of the families that the pod has, each through its own gateway, that of its family, or, on the link, none. */
export function plannedRoutes({ addresses, routes }: Pick<Wiring, 'addresses' | 'routes'>): Route[] {
  return routes.flatMap((route) => {
    const own = addresses.find(({ address }) => address.family === route.dst.family);
    if (!own) return [];
    const isOnLink = (route.scope ?? 0) >= linkScope;
    return [{ ...route, gw: route.gw ?? (isOnLink ? undefined : own.gateway) }];
  });
}

const routeAttributes = [
  ['mtu', 'mtu'],
  ['advmss', 'advmss'],
  ['priority', 'metric'],
  ['table', 'table'],
  ['scope', 'scope'],
] as const;

/** What adds a route in the pod: a line for `ip -batch`. */
export function addRoute(route: Route, link: string): string {
  const via = route.gw ? [`via ${formatAddress(route.gw)}`] : [];
  const attributes = routeAttributes.flatMap(([key, word]) =>
    route[key] === undefined ? [] : [`${word} ${route[key]}`],
  );
  return [`route add ${formatCidr(route.dst)}`, ...via, `dev ${link}`, ...attributes].join(' ');
}

function toGateway(gateway: Address, link: string): string {
  return `route add ${host(gateway)} dev ${link}`;
}

/** A number that no other attachment of the pod has, beyond those of the kernel and of people. */
function ownTable({ hostEnd }: PairNames): number {
  return 0x10000000 + Number.parseInt(hostEnd.slice(hostEndPrefix.length).slice(0, 7), 16);
}

/** Lines for `ip -batch`. */
export interface Beside {
  readonly family: Family;
  readonly routes: readonly string[];
  readonly rules: readonly string[];
}

/**
 * What comes in place of the route to a gateway that another interface of the pod leads to already, one of the same network.
 * The route stands behind that one; and what has an address of this interface leaves by it, where its host end lets it
 * pass. The rules stay behind when the interface goes, and then lead to an empty table, which the kernel passes over.
 *
 * @param refused the line for which there is such a route.
 * @returns lines for `ip -batch`, and the rules, which come of one family at a time; undefined when the line is not about
 *   a gateway.
 */
export function planBeside(wiring: Wiring, refused: string): Beside | undefined {
  const { ifname, names, addresses } = wiring;
  const gateway = gateways(wiring).find((each) => toGateway(each, ifname) === refused);
  if (!gateway) return undefined;
  const [to, table] = [host(gateway), ownTable(names)];
  const own = addresses.filter((each) => formatAddress(each.gateway) === formatAddress(gateway));
  return {
    family: gateway.family,
    routes: [
      `route append ${to} dev ${ifname}`,
      `route add ${to} dev ${ifname} table ${table}`,
      `route add ${gateway.family.everywhere} via ${formatAddress(gateway)} dev ${ifname} table ${table}`,
    ],
    rules: own.map(({ address }) => `rule add from ${host(address)} lookup ${table}`),
  };
}

/** Lines for `ip -batch` inside the pod's namespace. */
export function planPod(wiring: Wiring): string[] {
  const { ifname, names } = wiring;
  return [
    'link set dev lo up',
    ...noGeneratedAddress(wiring, ifname),
    ...wiring.addresses.map(({ address }) => addAddress(address, ifname)),
    ...linkLocalLines(wiring, names.podMac, 64, ifname),
    `link set dev ${ifname} up`,
    ...gateways(wiring).map((gateway) => addNeighbour(gateway, names.hostMac, ifname)),
    ...gateways(wiring).map((gateway) => toGateway(gateway, ifname)),
    ...plannedRoutes(wiring).map((route) => addRoute(route, ifname)),
  ];
}

/**
 * Files under /proc/sys that must hold 0 in the pod before its addresses come, and on the host's end. A pod without an
 * IPv6 address must not make itself one either, nor the host one of what a pod advertises.
 */
export function quietSysctls(wiring: Wiring, link: string, loopback: boolean): string[] {
  if (!wiring.ipv6) return [];
  const settings = (of: string, keys: readonly string[]) =>
    keys.map((key) => `/proc/sys/net/ipv6/conf/${of}/${key}`);
  const quiet = settings(link, ['accept_ra', 'autoconf']);
  if (!hasIPv6(wiring)) return quiet;
  return [...settings('lo', loopback ? ['disable_ipv6'] : []), ...settings(link, ['disable_ipv6']), ...quiet];
}

/** Not to answer whoever asks who has an address (Linux, ip-sysctl, arp_ignore). */
const answerNobody = '8';

/**
 * Files under /proc/sys, and what they must hold for the host's end. A guarded pod has no need to ask by ARP, since its
 * neighbours are permanent; each sender of a question that the kernel answers would get an entry in the neighbour table,
 * which all namespaces share.
 */
export function hostEndSysctls(wiring: Wiring): [path: string, value: string][] {
  const { hostEnd } = wiring.names;
  const quiet = quietSysctls(wiring, hostEnd, false).map((path): [string, string] => [path, '0']);
  const arp = `/proc/sys/net/ipv4/conf/${hostEnd}/arp_ignore`;
  return wiring.guarded ? [...quiet, [arp, answerNobody]] : quiet;
}
