import type { Run } from '../process/exec.ts';
import { egressChains } from './egress.ts';
import { type Element, elementsOf, nameOf, uplinkElements } from './elements.ts';
import type { Footprint, HostPort } from './footprint.ts';
import { listTable, valuesOf } from './listing.ts';
import { apply, type Refusal, refusalsIn } from './nft.ts';
import { PortInUse } from './port-in-use.ts';
import { type Noted, restore } from './restore.ts';
import { planChain } from './table.ts';
import { addElement, declare, replaceElement, requireChain, type Transaction } from './transaction.ts';

type PublishedElement = Element & { readonly port: HostPort };

function isPublished(element: Element | undefined): element is PublishedElement {
  return element?.port !== undefined;
}

/** The elements whose keys are there already, and map to something else. */
function clashing(refusals: readonly Refusal[]): Element[] {
  return refusals.flatMap(({ kind, operation }) => (kind === 'exists' && operation.element) || []);
}

/**
 * The ways to put an attachment's elements in, the second for when nobody has used its egress chain before.
 *
 * @param stale names of elements that an earlier attachment of the same name left, and that map to something else.
 */
function attempts(footprint: Footprint, own: readonly Element[], stale: ReadonlySet<string>): Transaction[] {
  const elements = own.map((element) => (stale.has(nameOf(element)) ? replaceElement : addElement)(element));
  return [
    [requireChain(planChain), ...elements],
    [requireChain(planChain), ...declare(egressChains([footprint.egress])), ...elements],
  ];
}

/** @throws {PortInUse} when one of the refusals is about a host port. */
async function rejectTaken(run: Run, operation: string, refusals: readonly Refusal[], cause: unknown) {
  const taken = clashing(refusals).find(isPublished);
  if (!taken) return;
  const target = valuesOf(await listTable(run, operation)).get(nameOf(taken));
  throw new PortInUse(operation, taken.port, target?.split(' ')[0], cause);
}

/**
 * Puts an attachment's elements into the table: one process, which lists nothing, when the table follows our plan. A
 * table that does not, or that is not there, is brought back with the elements of all that are noted.
 *
 * @param uplinks the links of the default routes.
 * @param noted the footprints of all others that are alive, or being added: asked for only when the table is wrong.
 * @throws {PortInUse} code 101 for a host port that leads to another pod.
 * @throws {Failure} as `apply`.
 */
export async function install(
  run: Run,
  operation: string,
  footprint: Footprint,
  uplinks: readonly string[],
  noted: Noted,
): Promise<void> {
  const own = [...uplinkElements(uplinks), ...elementsOf(footprint)];
  const stale = new Set<string>();
  for (let [first] = attempts(footprint, own, stale), tries = 0; first && tries < 3; tries++) {
    try {
      await apply(run, operation, first);
      return;
    } catch (error) {
      const refusals = refusalsIn(error);
      if (refusals.length === 0) throw error;
      await rejectTaken(run, operation, refusals, error);
      if (refusals.some(({ operation: { requires } }) => requires)) break;
      for (const element of clashing(refusals)) stale.add(nameOf(element));
      first = attempts(footprint, own, stale)[1];
    }
  }
  await restore(run, operation, uplinks, noted, footprint);
}
