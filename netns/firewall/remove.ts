import type { Run } from '../process/exec.ts';
import { type Element, withoutDuplicates } from './elements.ts';
import { attempt } from './nft.ts';
import { planChain } from './table.ts';
import { deleteElement, requireChain } from './transaction.ts';

/**
 * Takes elements out of the table. Missing elements, a missing table and a table of another version are not errors. A
 * host port that now leads to another pod is kept.
 *
 * @returns whether the table follows our plan, as far as that was met.
 * @throws {Failure} code 11 past the deadline, 102 when nft fails.
 */
export async function removeElements(
  run: Run,
  operation: string,
  elements: readonly Element[],
): Promise<boolean> {
  const plan = requireChain(planChain);
  let followsPlan = true;
  for (let left: readonly Element[] = withoutDuplicates(elements); left.length > 0; ) {
    const refused = await attempt(run, operation, [
      ...(followsPlan ? [plan] : []),
      ...left.map(deleteElement),
    ]);
    if (!refused) break;
    const elsewhere = new Set(refused.refusals.flatMap(({ operation: { element } }) => element ?? []));
    const isPlanAbsent = refused.refusals.some((refusal) => refusal.operation === plan);
    if (elsewhere.size === 0 && !isPlanAbsent) throw refused;
    // A set or a chain that is absent says so as well as the plan.
    if (refused.refusals.some(({ kind }) => kind === 'absent')) followsPlan = false;
    left = left.filter((element) => !elsewhere.has(element));
  }
  return followsPlan;
}
