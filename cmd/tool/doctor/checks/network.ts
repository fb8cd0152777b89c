import { type Family, families } from '../../../../conf/family.ts';
import { commandFailure, ipQuery } from '../../../../netns/process/ip.ts';
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
  const routes = JSON.parse(stdout.trim() || '[]') as RouteAnswer[];
  return routes.map(({ dst, dev, type, protocol }) => ({ dst: cidrOf(dst, family), dev, type, protocol }));
}

/** Of both families. @throws {Failure} when `ip` does not answer. */
export async function hostRoutes(patient: Patient): Promise<HostRoute[]> {
  return (await Promise.all(families.map((family) => routesOf(family, patient)))).flat();
}

export function isDefault({ dst }: HostRoute): boolean {
  return families.some(({ everywhere }) => everywhere === dst);
}
