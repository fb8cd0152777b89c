import { type Family, families } from '../../../../conf/family.ts';
import { commandFailure, ipQuery, parseAnswer } from '../../../../netns/process/ip.ts';
import type { Patient } from './check.ts';

/** An address of the host, with the interface that has it. */
export interface HostAddress {
  readonly device: string;
  readonly local: string;
  /** Length of its network's prefix, in bits. */
  readonly prefix: number;
  readonly isGlobal: boolean;
}

/** A route of the main table. */
export interface HostRoute {
  /** A CIDR, also of a single address and of the default route. */
  readonly dst: string;
  readonly dev: string | undefined;
  /** `unicast`, `blackhole`, … */
  readonly type: string;
  /** Who made it: `kernel`, `ra`, `boot`, … */
  readonly protocol: string;
}

/** As `ip -json -details` tells them. */
interface LinkAnswer {
  readonly ifname: string;
  readonly addr_info: readonly { local?: string; prefixlen: number; scope: string }[];
}
interface RouteAnswer {
  readonly dst: string;
  readonly dev?: string;
  readonly type: string;
  readonly protocol: string;
}

/** @throws {Failure} when `ip` does not answer. */
export async function hostAddresses({ run }: Patient): Promise<HostAddress[]> {
  const links = (await ipQuery(run, 'host', 'list addresses', ['address show'])) as LinkAnswer[];
  return links.flatMap(({ ifname, addr_info }) =>
    addr_info.flatMap(({ local, prefixlen, scope }) =>
      local === undefined ? [] : [{ device: ifname, local, prefix: prefixlen, isGlobal: scope === 'global' }],
    ),
  );
}

function cidrOf(dst: string, family: Family): string {
  if (dst === 'default') return family.everywhere;
  return dst.includes('/') ? dst : `${dst}/${family.bits}`;
}

async function routesOf(family: Family, { run }: Patient): Promise<HostRoute[]> {
  const args = [`-${family.version}`, '-details', '-json', 'route', 'show', 'table', 'main'];
  const { stdout } = await run({ program: 'ip', args }).catch((error: unknown) => {
    throw commandFailure('list routes', error);
  });
  const routes = parseAnswer(stdout) as RouteAnswer[];
  return routes.map(({ dst, dev, type, protocol }) => ({ dst: cidrOf(dst, family), dev, type, protocol }));
}

/** Of both families. @throws {Failure} when `ip` does not answer. */
export async function hostRoutes(patient: Patient): Promise<HostRoute[]> {
  return (await Promise.all(families.map((family) => routesOf(family, patient)))).flat();
}

/** A default route of any table. */
export interface DefaultRoute {
  readonly family: Family;
  readonly table: string;
  /** More than one when the route has several next hops (ECMP). */
  readonly devices: readonly string[];
  /** Of the route itself, in bytes; undefined when it has none. */
  readonly mtu: number | undefined;
}

/**
 * As `ip -json -details` tells it:
 *
 *     [{"dst":"default","table":"100","metrics":[{"mtu":1400}],"nexthops":[{"gateway":"…","dev":"eth0"},…]}]
 */
interface DefaultRouteAnswer {
  readonly dev?: string;
  readonly type: string;
  readonly table?: string;
  readonly metrics?: readonly { readonly mtu?: number | string }[];
  readonly nexthops?: readonly { readonly dev?: string }[];
}

async function defaultRoutesOf(family: Family, { run }: Patient): Promise<DefaultRoute[]> {
  const args = [`-${family.version}`, '-details', '-json', 'route', 'show', 'table', 'all', 'default'];
  const { stdout } = await run({ program: 'ip', args }).catch((error: unknown) => {
    throw commandFailure('list default routes', error);
  });
  const routes = JSON.parse(stdout.trim() || '[]') as DefaultRouteAnswer[];
  return routes
    .filter(({ type }) => type === 'unicast')
    .map(({ dev, table = 'main', metrics = [], nexthops = [] }) => {
      const own = metrics.flatMap(({ mtu }) => /\d+/.exec(`${mtu ?? ''}`)?.[0] ?? []);
      const devices = [dev, ...nexthops.map((hop) => hop.dev)].flatMap((name) => name ?? []);
      return { family, table, devices: [...new Set(devices)], mtu: own[0] ? Number(own[0]) : undefined };
    });
}

/** Of both families and all tables, each route with all its devices. @throws {Failure} when `ip` does not answer. */
export async function defaultRoutes(patient: Patient): Promise<DefaultRoute[]> {
  return (await Promise.all(families.map((family) => defaultRoutesOf(family, patient)))).flat();
}

export function isDefault({ dst }: HostRoute): boolean {
  return families.some(({ everywhere }) => everywhere === dst);
}
