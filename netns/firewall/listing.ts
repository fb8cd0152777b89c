import { createHash } from 'node:crypto';
import { codes, Failure } from '../../conf/failure.ts';
import { CommandError, type Run } from '../process/exec.ts';
import { commandFailure } from '../process/ip.ts';
import { type Listed, nameOf } from './elements.ts';
import { isAbsent } from './errors.ts';
import { planChain, tableName } from './table.ts';

/** As `nft -j` writes a chain, a set, a map or a rule (libnftables-json(5)). */
type Described = Readonly<Record<string, unknown>>;

/** What is in the table. */
export interface Listing {
  /**
   * Each set, map and chain, by `chain guard`. A chain has its rules as one text, which can be compared under one version
   * of nft. Sets say nothing: versions write their types differently, and a wrong one refuses its elements.
   */
  readonly blocks: ReadonlyMap<string, string>;
  readonly elements: readonly Listed[];
}

export const nothingListed: Listing = { blocks: new Map(), elements: [] };

/** nft prints names where /etc/protocols has them, and numbers elsewhere. */
const protocolNames: Readonly<Record<string, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

/** Which field of a key is a protocol. */
const protocolAt: Readonly<Record<string, number>> = { ports: 0, ports_on: 1 };

/** `"vethds01"`, `{"concat": ["tcp", 80]}`, `{"jump": {"target": "egress_4f"}}`, and with options `{"elem": {"val": …}}`. */
function fields(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)];
  const { elem, concat, jump } = value as {
    elem?: { val: unknown };
    concat?: unknown[];
    jump?: { target: string };
  };
  if (elem) return fields(elem.val);
  if (jump) return ['jump', jump.target];
  return (concat ?? []).flatMap(fields);
}

function listed(set: string, entry: unknown, isMap: boolean): Listed {
  const [left, right] = isMap && Array.isArray(entry) ? entry : [entry, undefined];
  const position = protocolAt[set.replace(/_ipv[46]$/, '')];
  const key = fields(left).map((field, index) =>
    index === position ? (protocolNames[field] ?? field) : field,
  );
  return { set, key, ...(isMap && { value: fields(right) }) };
}

function comparable({ handle: _, index: __, ...rest }: Described): string {
  return JSON.stringify(rest);
}

/**
 * Reads what `nft -j list table` says:
 *
 *     {"nftables": [{"metainfo": {…}}, {"table": {…}}, {"set": {"name": "guarded", "type": "ifname", "elem": […]}},
 *                   {"chain": {"name": "guard", …}}, {"rule": {"chain": "guard", "handle": 7, "expr": […]}}]}
 *
 * and what `nft -j --echo` says of what it did: the same, each object in an `add`.
 */
export function parseListing(text: string): Listing {
  const { nftables } = JSON.parse(text) as { nftables: Readonly<Record<string, Described>>[] };
  const blocks = new Map<string, string>();
  const elements: Listed[] = [];
  const objects = nftables.map((object) => (object['add'] as Readonly<Record<string, Described>>) ?? object);
  for (const [kind, object] of objects.flatMap(Object.entries<Described>)) {
    const name = String(object['name']);
    if (kind === 'chain') blocks.set(`chain ${name}`, comparable(object));
    if (kind === 'rule') {
      const chain = `chain ${object['chain']}`;
      blocks.set(chain, `${blocks.get(chain)}\n${comparable(object)}`);
    }
    if (kind !== 'set' && kind !== 'map') continue;
    blocks.set(`${kind} ${name}`, '');
    const entries = (object['elem'] ?? []) as unknown[];
    elements.push(...entries.map((entry) => listed(name, entry, kind === 'map')));
  }
  return { blocks, elements };
}

/**
 * Lists the table; empty if it does not exist. nft prints numbers, so files with names have no influence.
 *
 * @param options more of nft's.
 * @throws {Failure} code 11 past the deadline, 102 when nft fails.
 */
export async function listTable(
  run: Run,
  operation: string,
  options: readonly string[] = [],
): Promise<Listing> {
  try {
    const args = ['-j', '-n', ...options, 'list', 'table', ...tableName.split(' ')];
    return parseListing((await run({ program: 'nft', args, beside: true })).stdout);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new Failure(codes.wiring, `${operation}: nft does not answer in JSON`, { cause: error });
    if (error instanceof CommandError && isAbsence(error)) return nothingListed;
    throw commandFailure(operation, error);
  }
}

/** A digest of all but the elements. The same nft shows the same table alike: another digest is a reason to look. */
export function digestOf({ blocks }: Listing): string {
  return createHash('sha256')
    .update(JSON.stringify([planChain, ...blocks]))
    .digest('hex');
}

/** The digest of the table as it is; undefined when there is none. @throws {Failure} as `listTable`. */
export async function listBlocks(run: Run, operation: string): Promise<string | undefined> {
  const listing = await listTable(run, operation, ['--terse']);
  return listing.blocks.size > 0 ? digestOf(listing) : undefined;
}

function isAbsence({ outcome, stderr }: CommandError): boolean {
  return outcome.kind === 'failed' && isAbsent(stderr);
}

/** What an element maps to, as one text; empty for one of a set. */
export function mappedTo({ value = [] }: Listed): string {
  return value.join(' ');
}

/** What the keys of a listing map to, by the names of their elements. */
export function valuesOf({ elements }: Listing): ReadonlyMap<string, string> {
  return new Map(elements.map((element) => [nameOf(element), mappedTo(element)]));
}
