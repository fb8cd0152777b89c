import { reason } from '../../conf/failure.ts';
import type { HostPort } from '../../netns/firewall/footprint.ts';
import { setSysctl } from '../../netns/host/host.ts';
import { batch } from '../../netns/process/ip.ts';
import type { Host } from '../cni/call.ts';

/**
 * What a pod sends to 127.0.0.0/8 goes back to the pod, which drops it: the kernel's filters of a link outlive a ruleset
 * that somebody flushes. `drop` would need one more part of the kernel (gact), which not all have.
 */
export function planLoopbackGuard(hostEnd: string): string[] {
  return [
    `qdisc add dev ${hostEnd} ingress`,
    `filter add dev ${hostEnd} parent ffff: protocol ip prio 1 u32 match ip dst 127.0.0.0/8 action mirred egress redirect dev ${hostEnd}`,
  ];
}

/**
 * Lets the node reach a pod's host ports at 127.0.0.1: such packets may then leave through its host end, and there alone.
 * The other way, which that opens as well (CVE-2020-8558), is closed before; where it cannot be, 127.0.0.1 stays closed.
 */
export async function openLoopback(
  { run, writeSetting, warn }: Host,
  hostEnd: string,
  ports: readonly HostPort[],
): Promise<void> {
  if (!ports.some(({ target }) => target.family.name === 'IPv4')) return;
  try {
    await batch(run, 'host', 'tc', `keep ${hostEnd} from 127.0.0.1`, planLoopbackGuard(hostEnd));
  } catch (error) {
    warn(`${reason(error)}: the node does not reach the pod's host ports at 127.0.0.1`);
    return;
  }
  setSysctl(writeSetting, `/proc/sys/net/ipv4/conf/${hostEnd}/route_localnet`, '1');
}
