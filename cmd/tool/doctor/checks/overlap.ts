import { type Cidr, contains, formatCidr, parseCidr } from '../../../../conf/family.ts';
import { type Pool, spanOf } from '../../../../ipam/pool.ts';
import { hostEndPrefix } from '../../../../netns/link/naming.ts';
import { openStore } from '../../../cni/call.ts';
import { type Check, type Finding, ok, shellWord } from './check.ts';
import { type HostAddress, type HostRoute, hostAddresses, hostRoutes, isDefault } from './network.ts';

function isOurs(device: string | undefined): boolean {
  return device?.startsWith(hostEndPrefix) ?? false;
}

/** An address that is never handed out, as the gateway's, may be the host's. */
function ofAddress(pool: Pool, { local, device }: HostAddress): Finding[] {
  const value = pool.family.parse(local);
  const span = value === undefined || isOurs(device) ? undefined : spanOf(pool, value);
  if (!span) return [];
  return [
    {
      level: 'broken',
      found: `${device} has ${local}, which is in the podCIDR ${formatCidr(span.subnet)}: a pod may get the same`,
      advice: `give the node podCIDRs that are used nowhere else, or name ${local} in exclude of the configuration`,
    },
  ];
}

/** What the host itself needs is never proposed for deletion: its networks, and what its default routes go through. */
function routeRemedy({ dst, dev = '', protocol }: HostRoute, uplinks: readonly string[]) {
  return protocol === 'kernel' || uplinks.includes(dev)
    ? {
        advice: `give the node podCIDRs that are used nowhere else; or, when ${dev} is left over from another plugin, delete it`,
      }
    : { remedy: [`ip route delete ${dst} dev ${shellWord(dev)}`] };
}

function ofRoute(
  subnet: Cidr,
  route: HostRoute,
  conflicting: readonly string[],
  uplinks: readonly string[],
): Finding[] {
  const dst = parseCidr(route.dst);
  const { dev = '' } = route;
  if (!dst || route.type !== 'unicast' || isOurs(dev) || conflicting.includes(dev) || isDefault(route))
    return [];
  const isInside = contains(subnet, { family: dst.family, value: dst.base });
  if (isInside && dst.prefix >= subnet.prefix) {
    return [
      {
        level: 'broken',
        found: `there is a route to ${route.dst} through ${dev}, which is in the podCIDR ${formatCidr(subnet)}`,
        ...routeRemedy(route, uplinks),
      },
    ];
  }
  // A wider route through a gateway is how others reach pods; a wider one on a link is somebody's network.
  if (route.protocol !== 'kernel' || !contains(dst, { family: subnet.family, value: subnet.base })) return [];
  return [
    {
      level: 'warning',
      found: `the podCIDR ${formatCidr(subnet)} is part of ${route.dst}, the network of ${dev}: who has such an address there is out of reach`,
      advice: 'give the node podCIDRs that are used nowhere else',
    },
  ];
}

/** A route to one address alone, which is a pod's already, or never becomes one's. */
function isHarmless(dst: string, pool: Pool, leased: ReadonlySet<string>): boolean {
  const [address = '', length] = dst.split('/');
  const value = pool.family.parse(address);
  if (value === undefined || Number(length) !== pool.family.bits) return false;
  return leased.has(address) || !spanOf(pool, value);
}

/**
 * Where the host's own addresses and routes are in the way of these pools.
 *
 * @param leased addresses of pods, also of those that another plugin wired: routes to them are in nobody's way.
 */
export function overlaps(
  pools: readonly Pool[],
  leased: ReadonlySet<string>,
  addresses: readonly HostAddress[],
  routes: readonly HostRoute[],
): Finding[] {
  const uplinks = routes.filter(isDefault).flatMap(({ dev }) => dev ?? []);
  return pools.flatMap((pool) => {
    const others = routes.filter(({ dst }) => !isHarmless(dst, pool, leased));
    const byAddress = addresses.map((address) => ({ address, found: ofAddress(pool, address) }));
    const conflicting = byAddress.filter(({ found }) => found.length > 0);
    const devices = conflicting.map(({ address }) => address.device);
    return [
      ...conflicting.flatMap(({ found }) => found),
      ...pool.subnets.flatMap((subnet) =>
        others.flatMap((route) => ofRoute(subnet, route, devices, uplinks)),
      ),
    ];
  });
}

export const overlap: Check = {
  name: 'overlap',
  run: async (patient) => {
    const { configuration, preference } = patient;
    if (!configuration || !preference) return [];
    const leased = openStore(configuration).taken();
    const found = overlaps(preference.pools, leased, await hostAddresses(patient), await hostRoutes(patient));
    return found.length > 0 ? found : [ok("the host's own addresses and routes keep clear of the podCIDRs")];
  },
};
