import { codes, Failure, reason } from '../../conf/failure.ts';
import { formatAddress } from '../../conf/family.ts';
import { digestOf } from '../../ipam/attachment.ts';
import { poolsOf } from '../../ipam/pool.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import type { DiskStore } from '../../ipam/store/disk.ts';
import { entriesOfAllNetworks } from '../../ipam/store/lease-index.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { sweep } from '../../netns/firewall/sweep.ts';
import { removePairsBut } from '../../netns/link/apply.ts';
import { removeStaleRoutes } from '../../netns/route/stale.ts';
import type { Call, Input, Verb } from '../cni/call.ts';
import { delegate, delegateOf } from '../cni/delegate.ts';
import { detach } from './del.ts';
import { notedFootprints } from './notes.ts';
import { keepFirewall } from './repair.ts';

/**
 * The attachments that are valid, `cni.dev/valid-attachments`, or the older `cni.dev/attachments`.
 *
 * @returns undefined when the list is absent or null: that says nothing about what is valid.
 * @throws {Failure} code 7 when it is no such list: a guess would free addresses that are in use.
 */
export function validAttachments(input: Input): Attachment[] | undefined {
  const list = input['cni.dev/valid-attachments'] ?? input['cni.dev/attachments'];
  if (list === undefined || list === null) return undefined;
  const isAttachment = (item: unknown): item is Attachment =>
    typeof item === 'object' &&
    item !== null &&
    'containerID' in item &&
    'ifname' in item &&
    typeof item.containerID === 'string' &&
    typeof item.ifname === 'string';
  if (Array.isArray(list) && list.every(isAttachment)) return list;
  throw new Failure(codes.configuration, 'cni.dev/valid-attachments must be a list of {containerID, ifname}');
}

/** A lease without an interface, of an old host-local, is valid as long as one of its container's is. */
function validity(valid: readonly Attachment[]): (attachment: Attachment) => boolean {
  const digests = new Set(valid.map(digestOf));
  const containers = new Set(valid.map(({ containerID }) => containerID));
  return (attachment) =>
    attachment.ifname === '' ? containers.has(attachment.containerID) : digests.has(digestOf(attachment));
}

/**
 * Who is to go: all that are not valid; without a list, the provably dead alone. A list is older than what calls are at
 * adding.
 */
function garbage(store: DiskStore, valid: readonly Attachment[] | undefined): Attachment[] {
  if (!valid) return store.dead();
  const isValid = validity(valid);
  return store
    .known()
    .flatMap(({ attachment, isBeingAdded }) => (isBeingAdded || isValid(attachment) ? [] : attachment));
}

/** Carries out all steps, even if some fail. @returns what failed. */
async function goOn(steps: readonly (() => unknown)[]): Promise<unknown[]> {
  const problems: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      problems.push(error);
    }
  }
  return problems;
}

function detailsOf(error: unknown): string[] {
  return error instanceof Failure && error.details !== '' ? [error.details] : [];
}

function isTemporary(error: unknown): boolean {
  return error instanceof Failure && error.code === codes.tryAgain;
}

/** Removes one attachment, or one thing of it. */
type Remove = (attachment: Attachment) => unknown;

/**
 * Removes all that is not valid from a store, and what else there is to do; goes on past errors.
 *
 * @throws {Failure} with all that failed: code 11 when some of it was late, else 5.
 */
export async function collect(
  input: Input,
  store: DiskStore,
  remove: Remove,
  more: readonly (() => unknown)[],
): Promise<void> {
  const invalid = garbage(store, validAttachments(input));
  const steps = [...invalid.map((attachment) => () => remove(attachment)), () => store.tidy(), ...more];
  const problems = await goOn(steps);
  if (problems.length === 0) return;
  const code = problems.some(isTemporary) ? codes.tryAgain : codes.io;
  const reasons = problems.map(reason).join('; ');
  throw new Failure(code, `GC left ${problems.length} things undone: ${reasons}`, {
    details: [...new Set(problems.flatMap(detailsOf)), 'the others are done: GC again later'].join('; '),
  });
}

/**
 * Links that carry a gateway of this network and belong to nobody: the store was lost, the link was not. Another network
 * may have the same gateway: who is known there is somebody.
 */
async function removeOrphans({ input, configuration, store, run, registry }: Call): Promise<void> {
  const valid = validAttachments(input);
  if (!valid) return;
  const spans = poolsOf(configuration).flatMap((pool) => pool.spans);
  const gateways = spans.map(({ gateway }) => formatAddress(gateway));
  const known = [
    ...store.known(),
    ...entriesOfAllNetworks(registry.dataDirs(configuration.dataDir), readBootID()),
  ];
  await removePairsBut(run, [...valid, ...known.map(({ attachment }) => attachment)], gateways);
}

/** Elements of the table that belong to nobody. Everybody who is known is so by the note of what he has there. */
async function removeStrays(call: Call): Promise<void> {
  const dataDirs = call.registry.dataDirs(call.locator.dataDir);
  await sweep(call.run, 'remove firewall elements that belong to nobody', () => notedFootprints(dataDirs));
}

/** Routes of podCIDRs that the node had before. */
async function removeFormerRoutes({ configuration, run }: Call): Promise<void> {
  await removeStaleRoutes(run, 'remove routes of former podCIDRs', configuration.podCIDRs);
}

/** GC (CNI 1.1.0, "GC: Clean up any stale resources"). */
export const gc: Verb = async (call) => {
  const type = delegateOf(call.input);
  const remove = (attachment: Attachment) => detach(call.about(attachment));
  const orphans = () => removeOrphans(call);
  const forward = () => type !== undefined && delegate(type, 'GC', call);
  const strays = () => removeStrays(call);
  const routes = () => removeFormerRoutes(call);
  const keep = () => keepFirewall(call, call.locator.dataDir);
  const more = [type === undefined ? orphans : forward, keep, strays, routes];
  await collect(call.input, call.store, remove, more);
  return undefined;
};
