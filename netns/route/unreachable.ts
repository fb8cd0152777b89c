import { type Cidr, formatCidr } from '../../conf/family.ts';

/** By this number the kernel's routes that are ours are told from all others (rtnetlink(7), rtm_protocol). */
export const routeProtocol = 144;

/** Behind every other route of the same prefix, whoever made that. */
const lastMetric = 4278198272;

function words(destination: string): string {
  return `unreachable ${destination} metric ${lastMetric} proto ${routeProtocol}`;
}

/**
 * Lines for `ip -batch` that have the node answer for the addresses of its podCIDRs that no pod has. Else a packet for
 * one of them takes the default route to the router, which sends it back. A line that is carried out again changes
 * nothing.
 */
export function planUnreachable(podCIDRs: readonly Cidr[]): string[] {
  return podCIDRs.map((range) => `route replace ${words(formatCidr(range))}`);
}

/** Takes such a route away. @param destination as `ip` wrote it. */
export function deleteUnreachable(destination: string): string {
  return `route delete ${words(destination)}`;
}
