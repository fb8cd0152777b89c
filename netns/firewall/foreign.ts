import { CommandError, type Run } from '../process/exec.ts';

/** A table, as nft names it: `inet kube-proxy`. */
type TableName = string;

/** @returns what it printed; undefined when it crashed. One that fails in another way has nothing to print. */
async function survive(run: Run, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await run({ program: 'nft', args })).stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.outcome.kind === 'killed' ? undefined : '';
  }
}

/**
 * The tables that crash this nft when it reads them. A newer nft stores declarations of sets that older ones do not stand
 * (kubernetes/kubernetes#136786), and then nearly every command crashes. A list of flowtables reads no sets, and names
 * every table.
 *
 * @returns undefined when this nft does not crash; no table when none does it alone.
 */
export async function crashingTables(run: Run): Promise<TableName[] | undefined> {
  if ((await survive(run, ['list', 'sets'])) !== undefined) return undefined;
  const listing = (await survive(run, ['list', 'flowtables'])) ?? '';
  const tables = [...listing.matchAll(/^table (\S+) (\S+) \{/gm)].map(([, family = '', name = '']) => [
    family,
    name,
  ]);
  const crashing: TableName[] = [];
  for (const table of tables) {
    if ((await survive(run, ['list', 'table', ...table])) === undefined) crashing.push(table.join(' '));
  }
  return crashing;
}
