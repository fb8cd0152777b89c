import type { Run } from '../process/exec.ts';
import { egressChains } from './egress.ts';
import { type Element, elementsOf, nameOf, uplinkElements } from './elements.ts';
import type { Footprint, HostPort } from './footprint.ts';
import { listTable, valuesOf } from './listing.ts';
import { attempt, type Refusal } from './nft.ts';
import { PortInUse } from './port-in-use.ts';
import { type Noted, restore } from './restore.ts';
import { planChain } from './table.ts';
import { addElement, declare, replaceElement, requireChain } from './transaction.ts';

type PublishedElement = Element & { readonly port: HostPort };

function isPublished(element: Element | undefined): element is PublishedElement {
  return element?.port !== undefined;
}

/** The elements whose keys are there already, and map to something else. */
function clashing(refusals: readonly Refusal[]): Element[] {
  return refusals.flatMap(({ kind, operation }) => (kind === 'exists' && operation.element) || []);
}

/** @throws {PortInUse} when one of the elements is a host port. */
async function rejectTaken(run: Run, operation: string, elements: readonly Element[], cause: unknown) {
  const taken = elements.find(isPublished);
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
 * @throws {PortInUse} code 101 if a host port leads to another pod.
 * @throws {Failure} as `apply`.
 */
export async function install(
  run: Run,
  operation: string,
  footprint: Footprint,
  uplinks: readonly string[],
  noted: Noted,
): Promise<void> {
  const plan = requireChain(planChain);
  const chains = declare(egressChains([footprint.egress]));
  // Elements that an earlier attachment of the same name left, and that map to something else.
  const stale = new Set<Element>();
  const put = (element: Element) => (stale.has(element) ? replaceElement : addElement)(element);
  const own = [...uplinkElements(uplinks), ...elementsOf(footprint)];
  // The egress chain is there, unless nobody has used it before.
  for (const declared of [[], chains, chains]) {
    const refused = await attempt(run, operation, [plan, ...declared, ...own.map(put)]);
    if (!refused) return;
    const clashes = clashing(refused.refusals);
    await rejectTaken(run, operation, clashes, refused);
    if (refused.refusals.some((refusal) => refusal.operation === plan)) break;
    for (const element of clashes) stale.add(element);
  }
  await restore(run, operation, uplinks, noted, footprint);
}
