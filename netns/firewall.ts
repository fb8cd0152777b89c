import { codes, Failure } from '../conf/failure.ts';
import type { Run } from './exec.ts';
import type { Footprint, HostPort } from './footprint.ts';
import { isMissing, nft, RefusedTransaction } from './nft.ts';
import {
  addLine,
  deleteLine,
  describePort,
  type Element,
  elementsOf,
  getLine,
  ListedElements,
  nameOf,
  withoutDuplicates,
} from './nft-elements.ts';
import type { NetworkPlan } from './nft-masquerade.ts';
import {
  base,
  differences,
  type Listing,
  parseListing,
  planRewrite,
  planTable,
  removal,
  tableName,
} from './nft-table.ts';

/** What the table should have for an attachment. */
export interface Wanted {
  readonly network: NetworkPlan;
  readonly footprint: Footprint;
  /** The footprints of all that are alive: asked for only when the table has lost its elements. */
  readonly others: () => readonly Footprint[];
}

const listing = `list table ${tableName}\n`;

function hasDrifted(found: Listing, { blocks, unwanted }: NetworkPlan): boolean {
  return (
    differences(found, [...base, ...blocks]).length > 0 || unwanted.some((name) => found.has(`chain ${name}`))
  );
}

function kindsOf(error: unknown): Set<string> {
  return new Set(error instanceof RefusedTransaction ? error.complaints.map(({ kind }) => kind) : []);
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
  const own = elementsOf(wanted.footprint);
  const rewrite = planRewrite([...base, ...network.blocks], network.unwanted);
  const add = (before: string, elements: readonly Element[], options: readonly string[] = []) =>
    addElements(run, operation, before, elements, options);
  try {
    const found = parseListing(await add('', own, ['-t']));
    if (!hasDrifted(found, network)) return;
    await nft(run, operation, rewrite);
  } catch (error) {
    const kinds = kindsOf(error);
    if (kinds.size === 0) throw error;
    const others = wanted.others().flatMap(elementsOf);
    const before = kinds.has('absent') ? '' : removal + (await otherNetworks(run, operation, network));
    await add(before + rewrite, withoutDuplicates([...own, ...others]));
  }
}

/** The other networks' chains, as they are: they outlive a table that is made anew. */
async function otherNetworks(run: Run, operation: string, network: NetworkPlan): Promise<string> {
  const found = parseListing(await nft(run, operation, listing, ['-t']));
  const own = [...network.blocks.map(({ name }) => name), ...network.unwanted];
  const chains = [...found].filter(
    ([name]) => name.startsWith('chain masquerade_') && !own.includes(name.slice('chain '.length)),
  );
  return `table ${tableName} {\n${chains.map(([, text]) => text).join('')}}\n`;
}

/** Adds elements, after other lines. @returns the listing that was asked for last. */
async function addElements(
  run: Run,
  operation: string,
  before: string,
  elements: readonly Element[],
  options: readonly string[],
): Promise<string> {
  try {
    const lines = elements.map(addLine).join('');
    return await nft(run, operation, before + lines + (options.length > 0 ? listing : ''), options);
  } catch (error) {
    const [taken] = takenPorts(error, before, elements);
    if (taken) throw await portInUse(run, operation, taken, error);
    throw error;
  }
}

type PublishedElement = Element & { readonly port: HostPort };

function isPublished(element: Element | undefined): element is PublishedElement {
  return element?.port !== undefined;
}

/** Those of the elements that map to something else already. */
function takenPorts(error: unknown, before: string, elements: readonly Element[]): PublishedElement[] {
  if (!(error instanceof RefusedTransaction)) return [];
  const offset = before.split('\n').length;
  const clashes = error.complaints.filter(({ kind }) => kind === 'exists');
  return clashes.map(({ line }) => elements[line - offset]).filter(isPublished);
}

/** A host port that leads to another pod. */
export class PortInUse extends Failure {
  /** That pod's address; undefined when it went away meanwhile. */
  readonly target: string | undefined;
  readonly port: HostPort;

  constructor(port: HostPort, target: string | undefined, message: string, cause: unknown) {
    super(codes.inUse, message, {
      details:
        'a host port leads to one pod: give this one another hostPort or hostIP, or delete the other pod',
      cause,
    });
    this.port = port;
    this.target = target;
  }
}

async function portInUse(
  run: Run,
  operation: string,
  taken: PublishedElement,
  cause: unknown,
): Promise<PortInUse> {
  const target = new ListedElements(await nft(run, operation, getLine(taken))).targetOf(taken);
  const text = `${operation}: host port ${describePort(taken.port)} is in use by ${target ?? 'a pod that is gone by now'}`;
  return new PortInUse(taken.port, target, text, cause);
}

/**
 * Takes what attachments have out of the table. What is not there is no error, nor is a missing table or command;
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
      if (isMissing(error)) return;
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
  const input = planTable([...base, ...plan.blocks]) + listing;
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

/**
 * Compares the table with what an attachment needs there.
 *
 * @param footprint undefined when nothing is known of the attachment: then its elements are not looked for.
 * @returns a sentence for each thing that is missing or altered.
 * @throws {Failure} as `nft`.
 */
export async function inspectTable(
  run: Run,
  operation: string,
  network: NetworkPlan,
  footprint: Footprint | undefined,
): Promise<string[]> {
  const text = await nft(run, operation, listing).catch((error: unknown) => {
    if (kindsOf(error).has('absent')) return '';
    throw error;
  });
  if (text === '') return [`nftables table ${tableName} is missing`];
  return [
    ...(await wrongBlocks(run, operation, network, parseListing(withoutElements(text)))),
    ...(footprint ? missingElements(text, footprint) : []),
  ];
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
