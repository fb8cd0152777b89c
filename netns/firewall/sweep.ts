import { linkExists } from '../link/liveness.ts';
import { hostEndPrefix } from '../link/naming.ts';
import type { Run } from '../process/exec.ts';
import { ipQuery } from '../process/ip.ts';
import { deleteLine, elementsOf, type Listed, ListedElements, nameOf } from './elements.ts';
import type { Footprint } from './footprint.ts';
import { listTable } from './inspect.ts';
import { isMissing, nft } from './nft.ts';

/** The addresses that the host has routes to by a host end, and those of the host ends. */
async function routedAddresses(run: Run, operation: string): Promise<Set<string>> {
  const routes = (await ipQuery(run, 'host', operation, ['route show table all'])) as {
    readonly dst?: string;
    readonly dev?: string;
  }[];
  return new Set(routes.flatMap(({ dst, dev }) => (dst && dev?.startsWith(hostEndPrefix) ? dst : [])));
}

async function listed(run: Run, operation: string): Promise<readonly Listed[]> {
  try {
    return new ListedElements(await listTable(run, operation)).all();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Keys begin with the host end's name, but those of host ports, which lead to a pod's address. */
function isStray({ key, value }: Listed, routed: ReadonlySet<string>): boolean {
  const [, hostEnd] = /^"([^"]*)"/.exec(key) ?? [];
  if (hostEnd !== undefined) return !linkExists(hostEnd);
  const [target = ''] = (value ?? '').split(' . ');
  return !routed.has(target);
}

/**
 * Removes the elements of pods that are gone, and of whom nobody has a note: those whose store was lost.
 *
 * @param noted footprints of all who are known: theirs stay.
 * @throws {Failure} as `nft` and `ipQuery`; a missing nft, or table, is no error.
 */
export async function sweep(run: Run, operation: string, noted: readonly Footprint[]): Promise<void> {
  const kept = new Set(noted.flatMap(elementsOf).map(nameOf));
  const unknown = (await listed(run, operation)).filter((element) => !kept.has(nameOf(element)));
  if (unknown.length === 0) return;
  const routed = await routedAddresses(run, operation);
  const stray = unknown.filter((element) => isStray(element, routed));
  if (stray.length > 0) await nft(run, operation, stray.map(deleteLine).join(''));
}
