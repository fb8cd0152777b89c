import { linkExists } from '../link/liveness.ts';
import { hostEndPrefix } from '../link/naming.ts';
import type { Run } from '../process/exec.ts';
import { ipQuery } from '../process/ip.ts';
import { elementsOf, type Listed, nameOf } from './elements.ts';
import { type Listing, listTable, nothingListed } from './listing.ts';
import { isMissing } from './nft.ts';
import { removeElements } from './remove.ts';
import { type Noted, removeUnusedChains } from './restore.ts';

/** The addresses that the host has routes to by a host end, and those of the host ends. */
async function routedAddresses(run: Run, operation: string): Promise<Set<string>> {
  const routes = (await ipQuery(run, 'host', operation, ['route show table all'])) as {
    readonly dst?: string;
    readonly dev?: string;
  }[];
  return new Set(routes.flatMap(({ dst, dev }) => (dst && dev?.startsWith(hostEndPrefix) ? dst : [])));
}

async function listed(run: Run, operation: string): Promise<Listing> {
  try {
    return await listTable(run, operation);
  } catch (error) {
    if (isMissing(error)) return nothingListed;
    throw error;
  }
}

/** Keys begin with the host end's name, but those of host ports, which lead to a pod's address. */
function isStray({ set, key, value = [] }: Listed, routed: ReadonlySet<string>): boolean {
  const [first = ''] = key;
  return set.startsWith('ports_') ? !routed.has(value[0] ?? '') : !linkExists(first);
}

/**
 * Removes the elements of pods that are gone and that nobody has a note of, since their store was lost; and the chains that
 * nobody uses. The table is read before the notes: what an ADD at work has there by then is noted.
 *
 * @throws {Failure} as `listTable` and `ipQuery`; a missing nft, or table, is no error.
 */
export async function sweep(run: Run, operation: string, noted: Noted): Promise<void> {
  const listing = await listed(run, operation);
  const footprints = noted();
  const kept = new Set(footprints.flatMap(elementsOf).map(nameOf));
  const unknown = listing.elements.filter((element) => !kept.has(nameOf(element)));
  if (unknown.length > 0) {
    const routed = await routedAddresses(run, operation);
    await removeElements(
      run,
      operation,
      unknown.filter((element) => isStray(element, routed)),
    );
  }
  await removeUnusedChains(run, operation, listing, footprints);
}
