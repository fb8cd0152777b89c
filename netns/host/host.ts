import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { codes, errno, Failure, reason } from '../../conf/failure.ts';
import type { Address, Family } from '../../conf/family.ts';
import { readNumber, readRows, readText } from '../../conf/text-file.ts';

/** The default of the kernel: Ethernet's MTU. */
const defaultMtu = 1500;

/** The least MTU of a link that carries IPv6 (RFC 8200, section 5), in bytes. */
export const leastIPv6Mtu = 1280;

/** Flags of /proc/net/ipv6_route (include/uapi/linux/ipv6_route.h, route.h). */
const routeUp = 0x1;
const routeFromAdvertisement = 0x40000;

const nowhere = '0'.repeat(32);

/** The interfaces of our network namespace: each has its settings there. */
export function interfaces(): string[] {
  return readdirSync('/proc/sys/net/ipv4/conf').filter((name) => !['all', 'default', 'lo'].includes(name));
}

interface IPv6Route {
  readonly device: string;
  readonly isDefault: boolean;
  /** Whether the kernel learned it from a router advertisement. */
  readonly isAdvertised: boolean;
}

/**
 * The IPv6 routes of our own network namespace (proc_pid_net(5)):
 *
 *     000…000 00 000…000 00 fe80…01 00000400 00000001 00000000 00450003 eth0
 */
function ipv6Routes(): IPv6Route[] {
  return readRows('/proc/net/ipv6_route')
    .map((fields) => ({ fields, flags: Number.parseInt(fields[8] ?? '0', 16), device: fields[9] ?? '' }))
    .filter(({ flags, device }) => (flags & routeUp) !== 0 && device !== 'lo')
    .map(({ fields, flags, device }) => ({
      device,
      isDefault: fields[0] === nowhere && fields[1] === '00',
      isAdvertised: (flags & routeFromAdvertisement) !== 0,
    }));
}

/**
 * The devices of the IPv4 default routes of our own network namespace:
 *
 *     eth0  00000000  010200C0  0003  0 0 0  00000000  0 0 0
 */
function ipv4DefaultDevices(): string[] {
  return readRows('/proc/net/route')
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .map(([device = '']) => device);
}

/**
 * The links of our own network namespace that have an IPv6 address (proc_pid_net(5)):
 *
 *     fe80000000000000000000fffe000001 0a 80 20 80 vethds0123456ab
 */
export function linksWith({ value }: Address): string[] {
  const digits = value.toString(16).padStart(32, '0');
  return readRows('/proc/net/if_inet6').flatMap((fields) => (fields[0] === digits ? (fields[5] ?? []) : []));
}

/** In bytes. /proc/sys always shows our network namespace; /sys shows the namespace of the process that mounted it. */
export function mtuOf(device: string): number | undefined {
  return readNumber(`/proc/sys/net/ipv6/conf/${device}/mtu`) ?? readNumber(`/sys/class/net/${device}/mtu`);
}

/** The devices that carry a default route. */
export function uplinks(): string[] {
  const ipv6 = ipv6Routes().filter(({ isDefault }) => isDefault);
  return [...new Set([...ipv4DefaultDevices(), ...ipv6.map(({ device }) => device)])];
}

/** The smallest MTU of those, in bytes. */
export function uplinkMtu(): number {
  const known = uplinks().flatMap((device) => mtuOf(device) ?? []);
  return known.length > 0 ? Math.min(...known) : defaultMtu;
}

/** The switch that takes IPv6 off a link, or off `all`, or off those to come: `default`. */
function ipv6Switch(link: string): string {
  return `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`;
}

/** Whether the kernel runs IPv6 on links of this MTU, in bytes, unless it is switched off for them. */
export function runsIPv6(mtu: number): boolean {
  return mtu >= leastIPv6Mtu && readText(ipv6Switch('all')) !== undefined;
}

/** Whether new links on the host start without IPv6. */
export function isIPv6OffByDefault(): boolean {
  return readNumber(ipv6Switch('default')) === 1;
}

/** Why pods cannot have a family; undefined if they can. */
export function unsupported(family: Family): Failure | undefined {
  const switched = { IPv4: undefined, IPv6: ipv6Switch('all') }[family.name];
  if (!switched || readNumber(switched) === 0) return undefined;
  const why = readText(switched) === undefined ? 'the kernel has none (ipv6.disable=1)' : `${switched} is 1`;
  return new Failure(
    codes.configuration,
    `${family.name} was requested, but the host has it disabled: ${why}`,
    { details: `switch it on, or leave ${family.name} out of podCIDRs and ipFamilies` },
  );
}

/** @throws {Failure} code 7 if pods cannot have a family that they need. */
export function requireFamily(family: Family): void {
  const failure = unsupported(family);
  if (failure) throw failure;
}

/** Whether the kernel tracks any connection of our network namespace (Linux, nf_conntrack-sysctl, nf_conntrack_count). */
export function tracksConnections(): boolean {
  const path = '/proc/sys/net/netfilter/nf_conntrack_count';
  return existsSync(path) && readNumber(path) !== 0;
}

/** Writes a setting of the kernel. Tests, and the build's rehearsal, stand in for this one function. */
export type WriteSetting = (path: string, value: string) => void;

export const writeSetting: WriteSetting = (path, value) => writeFileSync(path, value);

/** Writes a value under /proc/sys, unless it is there already. @returns whether it was written. @throws {Failure} code 102. */
export function setSysctl(write: WriteSetting, path: string, value: string): boolean {
  if (readText(path)?.trim() === value) return false;
  try {
    write(path, value);
    return true;
  } catch (error) {
    throw new Failure(codes.wiring, `set ${path} to ${value}: ${reason(error)}`, {
      details:
        errno(error) === 'EROFS'
          ? '/proc/sys is read-only here: set it on the host, and sysctls to false'
          : '',
      cause: error,
    });
  }
}

export const forwardingSwitch = {
  IPv4: '/proc/sys/net/ipv4/ip_forward',
  IPv6: '/proc/sys/net/ipv6/conf/all/forwarding',
} as const;

/** Whether the host forwards packets of this family: whatever is not 0 is on. */
export function isForwarding(family: Family): boolean {
  return Boolean(readNumber(forwardingSwitch[family.name]));
}

/**
 * A host that begins to forward IPv6 forgets the routes that it learned from router advertisements and hears no more
 * of them, unless accept_ra is 2 (Linux, ip-sysctl, accept_ra).
 *
 * @returns what was changed, for the operator.
 */
function keepAdvertisedRoutes(write: WriteSetting): string[] {
  const advertised = ipv6Routes().filter(({ isAdvertised }) => isAdvertised);
  return [...new Set(advertised.map(({ device }) => device))].flatMap((device) => {
    const path = `/proc/sys/net/ipv6/conf/${device}/accept_ra`;
    if (readNumber(path) !== 1) return [];
    setSysctl(write, path, '2');
    return [`set accept_ra of ${device} to 2: the host has routes there from a router advertisement`];
  });
}

/**
 * Turns on forwarding for a family.
 *
 * @returns what was changed beyond that, for the operator.
 * @throws {Failure} code 102 when a switch cannot be written.
 */
export function enableForwarding(write: WriteSetting, family: Family): string[] {
  if (isForwarding(family)) return [];
  const changed = family.name === 'IPv6' ? keepAdvertisedRoutes(write) : [];
  setSysctl(write, forwardingSwitch[family.name], '1');
  return changed;
}
