import { codes, Failure, reason } from '../../conf/failure.ts';
import { formatAddress } from '../../conf/family.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import type { DiskStore } from '../../ipam/store/disk.ts';
import { digestsOfAllNetworks } from '../../ipam/store/lease-index.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { forgetConnections } from '../../netns/firewall/conntrack.ts';
import { elementsWithout } from '../../netns/firewall/elements.ts';
import {
  type Footprint,
  formatFootprint,
  needsNft,
  parseFootprints,
} from '../../netns/firewall/footprint.ts';
import { isMissing } from '../../netns/firewall/nft.ts';
import { removeElements } from '../../netns/firewall/remove.ts';
import { tracksConnections } from '../../netns/host/host.ts';
import { removePair } from '../../netns/link/apply.ts';
import type { Host } from '../cni/call.ts';
import { livingFootprints } from './notes.ts';
import { removeLeftOver, repairAndTell } from './repair.ts';
import { together } from './together.ts';

/** Has the kernel forget the connections of footprints. What it keeps is no reason to keep the pod. */
async function forget(footprints: readonly Footprint[], attachment: Attachment, host: Host): Promise<void> {
  // conntrack looks through the whole table, which takes 7 ms or more, also when it is empty.
  if (!tracksConnections()) return;
  const all = footprints.flatMap(({ addresses }) => addresses);
  const addresses = [...new Map(all.map((address) => [formatAddress(address), address])).values()];
  try {
    await forgetConnections(host.run, `forget connections of ${describeAttachment(attachment)}`, addresses);
  } catch (error) {
    if (error instanceof Failure && error.code === codes.tryAgain) throw error;
    const hasPorts = footprints.some(({ ports }) => ports.length > 0);
    if (hasPorts || !isMissing(error))
      host.warn(`${reason(error)}: packets of known connections may go on to a pod that is gone`);
  }
}

/**
 * Takes footprints out of the table, and what earlier calls left there. A tool that does not work must not keep a pod in
 * Terminating for good: what it leaves is noted for the node, and removed by the next call for which it works.
 *
 * @throws {Failure} code 11 when nft is late.
 */
async function removeFromTable(
  footprints: readonly Footprint[],
  { store, attachment }: Removal,
  host: Host,
): Promise<void> {
  const operation = `remove the firewall elements of ${describeAttachment(attachment)}`;
  try {
    const elements = elementsWithout(footprints, successors(footprints, store, attachment));
    const followsPlan = await removeElements(host.run, operation, elements);
    await removeLeftOver(host, () => livingFootprints(host.registry.dataDirs(store.dataDir)));
    if (!followsPlan) await repairForOthers(host, store.dataDir);
  } catch (error) {
    if (!(error instanceof Failure) || error.code === codes.tryAgain) throw error;
    const left = footprints.filter(needsNft);
    if (left.length === 0) return;
    noteLeftOver(left, host, error);
    host.warn(
      `${reason(error)}: firewall elements are left, which the next call removes for which nft works`,
    );
  }
}

/** What a removal met of the table is no reason to keep the pod that is removed. */
async function repairForOthers(host: Host, dataDir: string): Promise<void> {
  try {
    await repairAndTell(host, dataDir);
  } catch (error) {
    host.warn(reason(error));
  }
}

/** @throws the failure, when it cannot be noted: what is not noted must stay leased. */
function noteLeftOver(footprints: readonly Footprint[], { registry }: Host, failure: Failure): void {
  try {
    for (const footprint of footprints) registry.noteLeftOver(formatFootprint(footprint));
  } catch {
    throw failure;
  }
}

/** Of who has the addresses of footprints by now: somebody may have removed their leases, and others got them. */
function successors(footprints: readonly Footprint[], store: DiskStore, attachment: Attachment): Footprint[] {
  const addresses = new Set(footprints.flatMap((footprint) => footprint.addresses.map(formatAddress)));
  const others = [...addresses].filter((address) => !store.holds(attachment, address));
  const holders = others.flatMap((address) => store.holderOf(address) ?? []);
  return parseFootprints(holders.flatMap((holder) => store.recordsOf(holder)));
}

/** What is to be removed, and for whom. */
export interface Removal {
  readonly store: DiskStore;
  readonly attachment: Attachment;
  /** Whether the link is the attachment's to remove. */
  readonly hasLink: boolean;
  /** What it has in the table, beside what is noted. */
  readonly footprints: readonly Footprint[];
  /** Has a delegate give its addresses back; undefined: nobody can, and they stay noted. */
  readonly release: (() => Promise<unknown>) | undefined;
}

/**
 * Removes an attachment whole: link and firewall elements side by side, then addresses, ours or a delegate's. As long as
 * one of them is there, nobody else may have its address. For who is alone with the attachment.
 *
 * @throws {Failure} at the first step that fails: what is left stays noted.
 */
export async function removeWhole(removal: Removal, host: Host): Promise<void> {
  const { store, attachment, hasLink } = removal;
  store.end(attachment);
  const footprints = [...parseFootprints(store.recordsOf(attachment)), ...removal.footprints];
  const removeFootprints = async () => {
    await removeFromTable(footprints, removal, host);
    await forget(footprints, attachment, host);
  };
  // The link first, for the kernel takes its time to let one go.
  await together(hasLink ? removePair(host.run, attachment) : Promise.resolve(), removeFootprints());
  if (!removal.release) return store.forgetAllButOrigin(attachment);
  await removal.release();
  store.forget(attachment);
  host.registry.forget(store.dataDir, () => digestsOfAllNetworks([store.dataDir], readBootID()).length === 0);
}

/** Removes elements that a newer ADD of the attachment does not have as well: all else is that one's by now. */
export async function removeOutdated({ store, attachment, footprints }: Removal, host: Host): Promise<void> {
  const newer = parseFootprints(store.recordsOf(attachment));
  const operation = `undo the ADD of ${describeAttachment(attachment)}`;
  await removeElements(host.run, operation, elementsWithout(footprints, newer));
}
