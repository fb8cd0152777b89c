import { type Cidr, cidrs, overlap, parseCidr } from '../../conf/family.ts';
import { hostEndPrefix } from '../link/naming.ts';
import type { Run } from '../process/exec.ts';
import { ipBatch, ipQuery } from '../process/ip.ts';
import { deleteUnreachable, routeProtocol } from './unreachable.ts';

/** One route as `ip -json route show table all` tells it; `unreachable` ones have a type. */
interface KernelRoute {
  readonly type?: string;
  readonly dst?: string;
  readonly dev?: string;
  readonly protocol?: string;
}

/** `10.244.1.7` alone, or `10.244.1.0/24`; undefined for `default`. */
function parseDestination(dst: string): Cidr | undefined {
  return parseCidr(dst) ?? cidrs(`${dst}/32`, `${dst}/128`).at(0);
}

/**
 * Removes what answers for podCIDRs that the node has no longer. As long as a pod has an address in one, it stays.
 *
 * @throws {Failure} as `ipQuery` and `ipBatch`.
 */
export async function removeStaleRoutes(
  run: Run,
  operation: string,
  podCIDRs: readonly Cidr[],
): Promise<void> {
  const routes = (await ipQuery(run, 'host', operation, ['route show table all'])) as KernelRoute[];
  const toPods = routes.filter(({ dev }) => dev?.startsWith(hostEndPrefix));
  const used = [...podCIDRs, ...toPods.flatMap(({ dst }) => parseDestination(dst ?? '') ?? [])];
  const stale = routes.filter(({ type, protocol, dst = '' }) => {
    const range = parseDestination(dst);
    const isOwn = type === 'unreachable' && protocol === `${routeProtocol}`;
    return isOwn && range !== undefined && !used.some((other) => overlap(range, other));
  });
  if (stale.length === 0) return;
  const lines = stale.map(({ dst = '' }) => deleteUnreachable(dst));
  await ipBatch(run, 'host', operation, lines);
}
