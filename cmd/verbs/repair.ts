import { inspectTable } from '../../netns/firewall/inspect.ts';
import { restore } from '../../netns/firewall/restore.ts';
import { uplinks } from '../../netns/host/host.ts';
import type { Host } from '../cni/call.ts';
import { livingFootprints } from './notes.ts';
import { removeLeftOver } from './removal.ts';

/** What a repair met. */
export interface Repaired {
  /** How many attachments are alive. */
  readonly attachments: number;
  /** What was missing or altered, and is not any more: a sentence each. */
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
  const mended = footprints.length > 0 ? await inspectTable(host.run, operation, footprints) : [];
  if (mended.length > 0) await restore(host.run, operation, uplinks(), living);
  return { attachments: footprints.length, mended };
}
