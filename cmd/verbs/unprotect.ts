import { codes, Failure, reason } from '../../conf/failure.ts';
import { formatAddress } from '../../conf/family.ts';
import { describeAttachment, digestOf } from '../../ipam/attachment.ts';
import type { DiskStore } from '../../ipam/store/disk.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { forgetConnections } from '../../netns/firewall/conntrack.ts';
import { type Footprint, parseFootprints } from '../../netns/firewall/footprint.ts';
import { isMissing } from '../../netns/firewall/nft.ts';
import { uninstall } from '../../netns/firewall/remove.ts';
import { tracksConnections } from '../../netns/host/host.ts';
import type { Host } from '../cni/call.ts';

/** Where footprints are removed from: the store that noted them, and for which attachment. */
export interface Noted {
  readonly store: DiskStore;
  readonly attachment: Attachment;
}

/**
 * Those who have the addresses of footprints by now: a lease may be lost, and given anew, before its former owner's
 * DEL comes.
 */
function successors(footprints: readonly Footprint[], { store, attachment }: Noted): Footprint[] {
  const addresses = footprints.flatMap((footprint) => footprint.addresses).map(formatAddress);
  const holders = addresses.flatMap((address) => store.holderOf(address) ?? []);
  const others = holders.filter((holder) => digestOf(holder) !== digestOf(attachment));
  return parseFootprints(others.flatMap((holder) => store.recordsOf(holder).records));
}

/** Whether an ADD would have failed without nft: then there was one, and what it made is there yet. */
function isBinding({ guarded, ports }: Footprint): boolean {
  return guarded || ports.length > 0;
}

/** Removes what there is in the kernel beside a link: elements, then the connections that went by them. */
export async function removeFootprints(
  footprints: readonly Footprint[],
  noted: Noted,
  host: Host,
): Promise<void> {
  if (footprints.length === 0) return;
  const operation = `unprotect ${describeAttachment(noted.attachment)}`;
  const kept = successors(footprints, noted);
  try {
    await uninstall(host.run, operation, footprints, kept);
  } catch (error) {
    if (!isMissing(error) || footprints.some(isBinding)) throw error;
  }
  await forget(footprints, kept, noted.attachment, host);
}

/** Has the kernel forget the connections of footprints. What it keeps is no reason to keep the pod. */
async function forget(
  footprints: readonly Footprint[],
  kept: readonly Footprint[],
  attachment: Attachment,
  host: Host,
): Promise<void> {
  // conntrack looks through the whole table, which takes 7 ms or more, also when it is empty.
  if (!tracksConnections()) return;
  const theirs = new Set(kept.flatMap(({ addresses }) => addresses).map(formatAddress));
  const all = footprints.flatMap(({ addresses }) => addresses);
  const own = new Map(all.map((address) => [formatAddress(address), address]));
  const addresses = [...own].filter(([text]) => !theirs.has(text)).map(([, address]) => address);
  try {
    await forgetConnections(host.run, `forget connections of ${describeAttachment(attachment)}`, addresses);
  } catch (error) {
    if (error instanceof Failure && error.code === codes.tryAgain) throw error;
    const hasPorts = footprints.some(({ ports }) => ports.length > 0);
    if (hasPorts || !isMissing(error))
      host.warn(`${reason(error)}: packets of known connections may go on to a pod that is gone`);
  }
}

/** Takes the attachment's elements out of the table, and has the kernel forget its connections. */
export async function unprotect(store: DiskStore, attachment: Attachment, host: Host): Promise<void> {
  const { records, inherited } = store.recordsOf(attachment);
  const footprints = parseFootprints([...records, ...inherited]);
  await removeFootprints(footprints, { store, attachment }, host);
}

/** Removes what the attachment inherited from the dead, whose addresses it, or another one, may have. */
export async function settleInheritance(store: DiskStore, attachment: Attachment, host: Host): Promise<void> {
  const inherited = parseFootprints(store.recordsOf(attachment).inherited);
  if (inherited.length === 0) return;
  await removeFootprints(inherited, { store, attachment }, host);
  store.settle(attachment);
}
