import { formatAddress } from '../../conf/family.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import { entriesOfAllNetworks, isBeingAdded, type NetworkEntry } from '../../ipam/store/lease-index.ts';
import { type Footprint, parseFootprints } from '../../netns/firewall/footprint.ts';
import { linkExists } from '../../netns/link/liveness.ts';

/*
 * What the stores of a node note of the table. An attachment notes its footprint before it has anything in the kernel.
 */

/** Of every attachment that the stores in these folders know, the oldest first. */
export function notedFootprints(dataDirs: readonly string[]): Footprint[] {
  return entriesOfAllNetworks(dataDirs, readBootID()).flatMap(({ records }) => parseFootprints(records));
}

/**
 * Of those that have a host end, and of those that are being added and may have one soon. Not of those that are being
 * removed, whatever is left of them.
 */
export function livingFootprints(dataDirs: readonly string[]): Footprint[] {
  const entries = entriesOfAllNetworks(dataDirs, readBootID()).filter(({ ended }) => !ended);
  return entries.flatMap((entry) =>
    parseFootprints(entry.records).filter(({ hostEnd }) => linkExists(hostEnd) || isBeingAdded(entry)),
  );
}

/** Whose an address is, in whatever network. */
export function holderOf(address: string, dataDirs: readonly string[]): NetworkEntry | undefined {
  const has = (footprint: Footprint) => footprint.addresses.some((own) => formatAddress(own) === address);
  return entriesOfAllNetworks(dataDirs, readBootID()).find(({ records }) =>
    parseFootprints(records).some(has),
  );
}
