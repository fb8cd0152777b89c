import type { Run } from '../process/exec.ts';
import { elementsOf, ListedElements } from './elements.ts';
import type { Footprint } from './footprint.ts';
import type { NetworkPlan } from './masquerade.ts';
import { isAbsent, nft } from './nft.ts';
import { base, differences, type Listing, listingLine, parseListing, planTable, tableName } from './table.ts';

/** What a listing with elements says of an attachment. */
function missingElements(text: string, footprint: Footprint): string[] {
  const found = new ListedElements(text);
  return elementsOf(footprint)
    .filter((element) => !found.has(element))
    .map(({ meaning }) => `the ${meaning} is missing in nftables table ${tableName}`);
}

function withoutElements(text: string): string {
  return text.replace(/^\t\telements = \{[^}]*\}\n/gm, '');
}

/**
 * How this very nft shows these blocks: words and order differ between versions. Loaded in a network namespace that
 * is gone when it is done. A listing in the same transaction has no rules yet; those are what nft echoes:
 *
 *     add rule inet dualstack guard iifname "vethds*" jump from_pods
 */
async function canonical(run: Run, operation: string, plan: NetworkPlan): Promise<Listing> {
  const apart: Run = (command) =>
    run({ ...command, program: 'unshare', args: ['--net', '--', command.program, ...command.args] });
  const input = planTable([...base, ...plan.blocks]) + listingLine;
  const text = await nft(apart, operation, input, ['--terse', '--echo']);
  const echoed = [...text.matchAll(/^add rule inet dualstack (\S+) (.*)$/gm)];
  const shown = [...parseListing(text)].map(([name, block]) => {
    const rules = echoed
      .filter(([, chain]) => name === `chain ${chain}`)
      .map(([, , rule]) => `\t\t${rule}\n`);
    return [name, block.replace(/\t\}\n$/, `${rules.join('')}\t}\n`)] as const;
  });
  return new Map(shown);
}

/** A sentence for each thing that is missing or altered. */
export interface TableProblems {
  /** These, the next ADD sees by itself. */
  readonly rules: readonly string[];
  readonly elements: readonly string[];
}

/** The table with its elements, in nft's words; nothing when there is none. @throws {Failure} as `nft`. */
export async function listTable(run: Run, operation: string): Promise<string> {
  try {
    return await nft(run, operation, listingLine);
  } catch (error) {
    if (isAbsent(error)) return '';
    throw error;
  }
}

/**
 * Compares the table with what an attachment needs there.
 *
 * @param footprint undefined when nothing is known of the attachment: then its elements are not looked for.
 * @throws {Failure} as `nft`.
 */
export async function inspectTable(
  run: Run,
  operation: string,
  network: NetworkPlan,
  footprint: Footprint | undefined,
): Promise<TableProblems> {
  const text = await listTable(run, operation);
  if (text === '') return { rules: [`nftables table ${tableName} is missing`], elements: [] };
  return {
    rules: await wrongBlocks(run, operation, network, parseListing(withoutElements(text))),
    elements: footprint ? missingElements(text, footprint) : [],
  };
}

async function wrongBlocks(
  run: Run,
  operation: string,
  network: NetworkPlan,
  found: Listing,
): Promise<string[]> {
  const suspects = differences(found, [...base, ...network.blocks]);
  const shown = suspects.length > 0 ? await canonical(run, operation, network) : found;
  const wrong = suspects.filter((name) => found.get(name) !== shown.get(name));
  const extra = network.unwanted.map((name) => `chain ${name}`).filter((name) => found.has(name));
  return [
    ...wrong.map(
      (name) => `${name} is ${found.has(name) ? 'altered' : 'missing'} in nftables table ${tableName}`,
    ),
    ...extra.map((name) => `${name} should not be in nftables table ${tableName}`),
  ];
}
