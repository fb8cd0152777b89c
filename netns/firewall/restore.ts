import type { Run } from '../process/exec.ts';
import { egressChains, egressPrefix } from './egress.ts';
import {
  type Element,
  elementsOf,
  elementsWithout,
  nameOf,
  uplinkElements,
  withoutDuplicates,
} from './elements.ts';
import type { Footprint } from './footprint.ts';
import { type Listing, listTable, mappedTo, nothingListed, valuesOf } from './listing.ts';
import { apply, attempt } from './nft.ts';
import { PortInUse } from './port-in-use.ts';
import { removeElements } from './remove.ts';
import { type Block, base, planChain, planPrefix } from './table.ts';
import {
  addElement,
  addTable,
  declare,
  deleteChain,
  deleteTable,
  replaceElement,
  type Transaction,
} from './transaction.ts';

/** The footprints of all attachments that are alive, or being added, the oldest first. Read anew at each call. */
export type Noted = () => readonly Footprint[];

function chainsOf(footprints: readonly Footprint[]): Block[] {
  return egressChains(footprints.map(({ egress }) => egress));
}

/** A whole table with the elements of footprints: what is there stays, but for rules, which are written again. */
function complete(
  footprints: readonly Footprint[],
  uplinks: readonly string[],
  listing: Listing,
): Transaction {
  const before = valuesOf(listing);
  const isOther = (element: Element) => {
    const value = before.get(nameOf(element));
    return value !== undefined && value !== mappedTo(element);
  };
  const elements = [...uplinkElements(uplinks), ...withoutDuplicates(footprints.flatMap(elementsOf))];
  return [
    addTable,
    ...declare([...base, ...chainsOf(footprints)]),
    ...elements.map((element) => (isOther(element) ? replaceElement : addElement)(element)),
  ];
}

/** Everything in one transaction: packets never meet a table that is half there. */
function fresh(footprints: readonly Footprint[], uplinks: readonly string[]): Transaction {
  return [...deleteTable, ...complete(footprints, uplinks, nothingListed)];
}

function followsPlan({ blocks }: Listing): boolean {
  const plans = [...blocks.keys()].filter((name) => name.startsWith(`chain ${planPrefix}`));
  return plans.length === 1 && plans[0] === `chain ${planChain}`;
}

/**
 * Brings the table back, with all that is noted. One that follows our plan is completed. Another, or none, is made in one
 * transaction. An ADD at work notes what it has before it adds it: what was noted meanwhile is added again, since it may
 * have gone into the table that was replaced. A DEL at work ends the note before it removes what the note is about: what
 * is noted no more is removed again.
 *
 * @param uplinks the links of the default routes.
 * @param own the footprint of an attachment that is being added, which goes in as well: noted first or not.
 * @throws {PortInUse} code 101 for a host port of `own` that another has.
 * @throws {Failure} as `apply`.
 */
export async function restore(
  run: Run,
  operation: string,
  uplinks: readonly string[],
  noted: Noted,
  own?: Footprint,
): Promise<void> {
  const all = () => {
    const others = noted();
    if (own) rejectHeld(operation, own, others);
    return own ? [...others, own] : others;
  };
  const listing = await listTable(run, operation);
  const before = all();
  const isCompleted =
    followsPlan(listing) && !(await attempt(run, operation, complete(before, uplinks, listing)));
  if (!isCompleted) await apply(run, operation, fresh(before, uplinks));
  const after = all();
  if (isCompleted) await removeUnusedChains(run, operation, listing, after);
  else await apply(run, operation, complete(after, uplinks, await listTable(run, operation)));
  await removeElements(run, operation, elementsWithout(before, after));
}

/** @throws {PortInUse} code 101 for a host port that another attachment has. */
function rejectHeld(operation: string, own: Footprint, others: readonly Footprint[]): void {
  const held = new Map(others.flatMap(elementsOf).map((element) => [nameOf(element), element]));
  for (const { port, ...element } of elementsOf(own)) {
    const holder = held.get(nameOf(element))?.value?.[0];
    if (port && holder && holder !== element.value?.[0]) throw new PortInUse(operation, port, holder);
  }
}

/**
 * Removes the chains that nobody's packets pass any more: nobody would know whether their rules are right. One that an ADD
 * begins to use meanwhile stays.
 */
export async function removeUnusedChains(
  run: Run,
  operation: string,
  listing: Listing,
  noted: readonly Footprint[],
): Promise<void> {
  const used = new Set([
    ...chainsOf(noted).map(({ name }) => name),
    ...listing.elements.flatMap(({ value = [] }) => value.slice(1)),
  ]);
  const names = [...listing.blocks.keys()].map((name) => name.replace('chain ', ''));
  for (const name of names.filter((name) => name.startsWith(egressPrefix) && !used.has(name))) {
    await attempt(run, operation, deleteChain(name));
  }
}
