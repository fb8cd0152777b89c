import type { Run } from '../process/exec.ts';
import { deleteLine, type Element, elementsOf, nameOf, withoutDuplicates } from './elements.ts';
import type { Footprint } from './footprint.ts';
import { nft, RefusedTransaction } from './nft.ts';

/**
 * Takes what attachments have out of the table. What is not there is no error, nor is a missing table;
 * a host port that leads to somebody else by now stays theirs.
 *
 * @param kept footprints of those who have their addresses by now: what is theirs, too, stays.
 * @throws {Failure} code 11 past the deadline, 102 when nft or the kernel refuses.
 */
export async function uninstall(
  run: Run,
  operation: string,
  footprints: readonly Footprint[],
  kept: readonly Footprint[],
): Promise<void> {
  const theirs = new Set(kept.flatMap(elementsOf).map(nameOf));
  let elements = withoutDuplicates(footprints.flatMap(elementsOf)).filter(
    (element) => !theirs.has(nameOf(element)),
  );
  while (elements.length > 0) {
    try {
      await nft(run, operation, elements.map(deleteLine).join(''));
      return;
    } catch (error) {
      const left = withoutRefused(error, elements);
      if (left.length === elements.length) throw error;
      elements = left;
    }
  }
}

/** Without those of sets that are not there, and without those that are somebody else's. */
function withoutRefused(error: unknown, elements: readonly Element[]): Element[] {
  if (!(error instanceof RefusedTransaction)) return [...elements];
  const refused = error.complaints.map(({ line, kind }) => ({ kind, element: elements[line - 1] }));
  const absent = new Set(refused.flatMap(({ kind, element }) => (kind === 'absent' ? element?.set : [])));
  const clashing = new Set(refused.flatMap(({ kind, element }) => (kind === 'exists' ? element : [])));
  return elements.filter((element) => !absent.has(element.set) && !clashing.has(element));
}
