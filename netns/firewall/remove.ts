import type { Run } from '../process/exec.ts';
import { type Element, withoutDuplicates } from './elements.ts';
import { apply, refusalsIn } from './nft.ts';
import { deleteElement } from './transaction.ts';

/**
 * Takes elements out of the table. What is not there is no error, nor is a missing table, nor one of another version; a
 * host port that leads to somebody else by now stays theirs.
 *
 * @throws {Failure} code 11 past the deadline, 102 when nft fails.
 */
export async function removeElements(
  run: Run,
  operation: string,
  elements: readonly Element[],
): Promise<void> {
  for (let left: readonly Element[] = withoutDuplicates(elements); left.length > 0; ) {
    try {
      await apply(run, operation, left.map(deleteElement));
      return;
    } catch (error) {
      const refused = refusalsIn(error).flatMap(({ operation: { element } }) => element ?? []);
      if (refused.length === 0) throw error;
      left = left.filter((element) => !refused.includes(element));
    }
  }
}
