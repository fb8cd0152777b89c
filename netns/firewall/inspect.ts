import { Failure } from '../../conf/failure.ts';
import { CommandError, type Run } from '../process/exec.ts';
import { commandFailure } from '../process/ip.ts';
import { egressChains } from './egress.ts';
import { elementsOf, nameOf } from './elements.ts';
import type { Footprint } from './footprint.ts';
import { digestOf, type Listing, listTable, mappedTo, parseListing, valuesOf } from './listing.ts';
import { type Block, base, tableName } from './table.ts';
import { addTable, declare, formatTransaction } from './transaction.ts';

const inTable = `in nftables table ${tableName}`;

function missingElements(listing: Listing, footprint: Footprint): string[] {
  const values = valuesOf(listing);
  return elementsOf(footprint)
    .filter((element) => values.get(nameOf(element)) !== mappedTo(element))
    .map(({ meaning }) => `the ${meaning} is missing ${inTable}`);
}

/**
 * How this very nft shows these blocks, for versions differ: it loads them in a network namespace that is gone when it is
 * done, and echoes them.
 */
async function canonical(run: Run, operation: string, blocks: readonly Block[]): Promise<Listing> {
  const args = ['--net', '--', 'nft', '-j', '-n', '--echo', '-f', '-'];
  const input = formatTransaction([addTable, ...declare(blocks)]);
  try {
    return parseListing((await run({ program: 'unshare', args, input, beside: true })).stdout);
  } catch (error) {
    throw error instanceof CommandError ? commandFailure(operation, error) : error;
  }
}

/** Whether this nft and this kernel take all that pods share of the table. */
export async function takesPlan(run: Run, operation: string): Promise<boolean> {
  try {
    await canonical(run, operation, base);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

async function wrongBlocks(run: Run, operation: string, listing: Listing, needed: readonly Block[]) {
  const shown = await canonical(run, operation, needed);
  return [...shown.blocks].flatMap(([name, text]) => {
    const found = listing.blocks.get(name);
    if (found === text) return [];
    return [`${name} is ${found === undefined ? 'missing' : 'altered'} ${inTable}`];
  });
}

/** What an inspection found. */
export interface Inspection {
  /** A sentence for each thing that is missing or altered. */
  readonly problems: readonly string[];
  /** As `listBlocks`, of the same look at the table. */
  readonly blocks: string;
}

/**
 * Compares the table with what was noted for the attachments when they were added.
 *
 * @throws {Failure} as `listTable`.
 */
export async function inspectTable(
  run: Run,
  operation: string,
  footprints: readonly Footprint[],
): Promise<Inspection> {
  const listing = await listTable(run, operation);
  const blocks = digestOf(listing);
  if (listing.blocks.size === 0) return { problems: [`nftables table ${tableName} is missing`], blocks };
  const needed = [...base, ...egressChains(footprints.map(({ egress }) => egress))];
  const wrong = await wrongBlocks(run, operation, listing, needed);
  const missing = footprints.flatMap((footprint) => missingElements(listing, footprint));
  return { problems: [...wrong, ...missing], blocks };
}
