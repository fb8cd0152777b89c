import { elementsWithout } from '../../netns/firewall/elements.ts';
import { type Footprint, parseFootprints } from '../../netns/firewall/footprint.ts';
import { inspectTable } from '../../netns/firewall/inspect.ts';
import { listBlocks } from '../../netns/firewall/listing.ts';
import { isMissing } from '../../netns/firewall/nft.ts';
import { removeElements } from '../../netns/firewall/remove.ts';
import { restore } from '../../netns/firewall/restore.ts';
import { uplinks } from '../../netns/host/host.ts';
import { hostEnds } from '../../netns/link/unknown.ts';
import type { Host } from '../cni/call.ts';
import { livingFootprints } from './notes.ts';

/** Takes out of the table what could not be removed when its attachment was. @throws {Failure} as `removeElements`. */
export async function removeLeftOver(host: Host, living: () => readonly Footprint[]): Promise<void> {
  const lines = host.registry.leftOver();
  if (lines.length === 0) return;
  const elements = elementsWithout(parseFootprints(lines), living());
  await removeElements(host.run, 'remove left-over firewall elements', elements);
  for (const line of lines) host.registry.forgetLeftOver(line);
}

/** What a repair met. */
export interface Repaired {
  /** How many attachments are alive. */
  readonly attachments: number;
  /** A sentence for each difference that was fixed. */
  readonly mended: readonly string[];
}

/**
 * Brings the firewall table back for all attachments of all networks that are alive, in one transaction: packets never meet
 * a table that is half there. What is as it should be stays as it is.
 *
 * @param dataDirs every folder of leases on the node.
 * @throws {Failure} as `restore`.
 */
export async function repairFirewall(host: Host, dataDirs: readonly string[]): Promise<Repaired> {
  const operation = 'repair the firewall';
  const living = () => livingFootprints(dataDirs);
  await removeLeftOver(host, living);
  const footprints = living();
  if (footprints.length === 0) return { attachments: 0, mended: [] };
  const { problems, blocks } = await inspectTable(host.run, operation, footprints);
  if (problems.length > 0) await restore(host.run, operation, uplinks(), living);
  else host.registry.remember('table', blocks);
  return { attachments: footprints.length, mended: problems };
}

/** The same, for a verb that is about something else. @throws {Failure} as `repairFirewall`. */
export async function repairAndTell(host: Host, dataDir: string): Promise<void> {
  const { mended } = await repairFirewall(host, host.registry.dataDirs(dataDir));
  const [first, ...others] = mended;
  if (!first) return;
  const more = others.length > 0 ? `, and ${others.length} more` : '';
  host.warn(`the firewall was damaged, and is mended: ${first}${more}`);
}

/**
 * Repairs a table whose sets, maps, chains or rules are not as they were when it was last found right. That is one listing,
 * without elements, and costs the same for any number of pods. Where there is no host end there is nothing to guard yet.
 *
 * @throws {Failure} as `repairFirewall`; a missing nft is no error.
 */
export async function keepFirewall(host: Host, dataDir: string): Promise<void> {
  try {
    await removeLeftOver(host, () => livingFootprints(host.registry.dataDirs(dataDir)));
    if (hostEnds().length === 0) return;
    const blocks = await listBlocks(host.run, 'look at the firewall');
    if (blocks === undefined || blocks !== host.registry.recall('table')) await repairAndTell(host, dataDir);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
