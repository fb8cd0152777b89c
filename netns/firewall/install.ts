import { codes, Failure } from '../../conf/failure.ts';
import type { Run } from '../process/exec.ts';
import {
  addLine,
  describePort,
  type Element,
  elementsOf,
  getLine,
  ListedElements,
  nameOf,
  replaceLine,
  withoutDuplicates,
} from './elements.ts';
import type { Footprint, HostPort } from './footprint.ts';
import type { NetworkPlan } from './masquerade.ts';
import { isAbsent, nft, RefusedTransaction } from './nft.ts';
import {
  base,
  differences,
  type Listing,
  listingLine,
  parseListing,
  planRewrite,
  removal,
  tableName,
} from './table.ts';

/** What the table should have for an attachment. */
export interface Wanted {
  readonly network: NetworkPlan;
  readonly footprint: Footprint;
  /** Whether elements are known to be missing: their loss does not show in the rules. */
  readonly isDamaged: boolean;
  /** The footprints of all that are alive: asked for only when the table has lost elements. */
  readonly others: () => readonly Footprint[];
}

/** A host port that leads to another pod. */
export class PortInUse extends Failure {
  /** That pod's address; undefined when it went away meanwhile. */
  readonly target: string | undefined;

  constructor(operation: string, port: HostPort, target: string | undefined, cause: unknown) {
    const holder = target ?? 'a pod that is gone by now';
    super(codes.inUse, `${operation}: host port ${describePort(port)} is in use by ${holder}`, {
      details:
        'a host port leads to one pod: give this one another hostPort or hostIP, or delete the other pod',
      cause,
    });
    this.target = target;
  }
}

/**
 * Puts an attachment's elements into the table, and mends the table when it is not as it should be: one process
 * when all is well, since adding elements and looking at the rules is one transaction.
 *
 * @throws {PortInUse} code 101 for a host port that leads to another pod.
 * @throws {Failure} as `nft`.
 */
export async function install(run: Run, operation: string, wanted: Wanted): Promise<void> {
  const { network } = wanted;
  const rewrite = planRewrite([...base, ...network.blocks], network.unwanted);
  try {
    if (wanted.isDamaged) await restore(run, operation, rewrite, wanted);
    else {
      const found = parseListing(await addOwn(run, operation, wanted));
      if (hasDrifted(found, network)) await nft(run, operation, rewrite);
    }
  } catch (error) {
    if (!(error instanceof RefusedTransaction)) throw error;
    const before = isAbsent(error) ? '' : removal + (await otherNetworks(run, operation, network));
    await restore(run, operation, before + rewrite, wanted);
  }
}

function hasDrifted(found: Listing, { blocks, unwanted }: NetworkPlan): boolean {
  return (
    differences(found, [...base, ...blocks]).length > 0 || unwanted.some((name) => found.has(`chain ${name}`))
  );
}

/** @returns the rules, as they were. */
async function addOwn(run: Run, operation: string, { footprint }: Wanted): Promise<string> {
  const own = elementsOf(footprint);
  try {
    return await nft(run, operation, own.map(addLine).join('') + listingLine, ['--terse']);
  } catch (error) {
    const taken = clashing(error, 0, own).find(isPublished);
    if (!taken) throw error;
    const target = new ListedElements(await nft(run, operation, getLine(taken))).targetOf(taken);
    throw new PortInUse(operation, taken.port, target, error);
  }
}

/**
 * Carries out lines that make the rules right, and adds all elements that there should be. A key of one that is alive
 * that maps to something else is set right; one that the attachment would take from another is an error.
 */
async function restore(run: Run, operation: string, before: string, wanted: Wanted): Promise<void> {
  const own = elementsOf(wanted.footprint);
  const others = withoutDuplicates(wanted.others().flatMap(elementsOf));
  const holders = new Map(others.map((element) => [nameOf(element), element]));
  const add = (wrong: readonly Element[]) => {
    const lines = others.map((element) => (wrong.includes(element) ? replaceLine : addLine)(element));
    return nft(run, operation, [before, ...lines, ...own.map(addLine)].join(''));
  };
  try {
    await add([]);
  } catch (error) {
    const clashes = clashing(error, linesOf(before), [...others, ...own]);
    const taken = clashes.filter((element) => own.includes(element)).find(isPublished);
    if (taken) throw new PortInUse(operation, taken.port, addressOf(holders.get(nameOf(taken))), error);
    if (clashes.length === 0) throw error;
    await add(clashes);
  }
}

function addressOf(element: Element | undefined): string | undefined {
  return element?.value?.split(' . ')[0];
}

/** The other networks' chains, as they are: they outlive a table that is made anew. */
async function otherNetworks(run: Run, operation: string, network: NetworkPlan): Promise<string> {
  const found = parseListing(await nft(run, operation, listingLine, ['--terse']));
  const own = [...network.blocks.map(({ name }) => name), ...network.unwanted];
  const chains = [...found].filter(
    ([name]) => name.startsWith('chain masquerade_') && !own.includes(name.slice('chain '.length)),
  );
  return `table ${tableName} {\n${chains.map(([, text]) => text).join('')}}\n`;
}

function isPublished(element: Element): element is Element & { readonly port: HostPort } {
  return element.port !== undefined;
}

function linesOf(text: string): number {
  return text.split('\n').length - 1;
}

/** Those of the elements that map to something else already; there are so many lines before them. */
function clashing(error: unknown, before: number, elements: readonly Element[]): Element[] {
  if (!(error instanceof RefusedTransaction)) return [];
  const clashes = error.complaints.filter(({ kind }) => kind === 'exists');
  return clashes.flatMap(({ line }) => elements[line - before - 1] ?? []);
}
