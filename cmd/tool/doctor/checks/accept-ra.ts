import { IPv6 } from '../../../../conf/family.ts';
import { readNumber } from '../../../../conf/text-file.ts';
import { isForwarding } from '../../../../netns/host/host.ts';
import { type Check, type Finding, ok, setting } from './check.ts';
import { type HostRoute, hostRoutes, isDefault } from './network.ts';

function acceptRaOf(device: string): string {
  return `/proc/sys/net/ipv6/conf/${device}/accept_ra`;
}

function advertisedDevices(routes: readonly HostRoute[]): string[] {
  const advertised = routes.filter((route) => isDefault(route) && route.protocol === 'ra');
  return [...new Set(advertised.flatMap(({ dev }) => dev ?? []))];
}

/** A host that forwards ignores router advertisements unless accept_ra is 2 (Linux, ip-sysctl). */
export const acceptRa: Check = {
  name: 'accept_ra',
  run: async (patient) => {
    const devices = advertisedDevices(await hostRoutes(patient));
    const deaf = devices.filter((device) => readNumber(acceptRaOf(device)) === 1);
    if (devices.length === 0) return [];
    if (deaf.length === 0 || !isForwarding(IPv6))
      return [ok(`the default route of ${devices.join(', ')} comes from router advertisements, and stays`)];
    return deaf.map(
      (device): Finding => ({
        level: 'broken',
        found: `${device} has its default route from router advertisements, which it ignores since the host forwards: the route runs out`,
        remedy: [setting(acceptRaOf(device), 2)],
      }),
    );
  },
};
