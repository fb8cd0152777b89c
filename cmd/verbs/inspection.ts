import { parseFootprints } from '../../netns/firewall/footprint.ts';
import { inspectTable } from '../../netns/firewall/inspect.ts';
import { planNetwork } from '../../netns/firewall/masquerade.ts';
import { isMissing } from '../../netns/firewall/nft.ts';
import type { Call } from '../cni/call.ts';
import { egressOf, needsNft } from './egress.ts';

/**
 * What is missing or altered in the table, for CHECK, by what ADD noted of the attachment. The next ADD hears of it.
 *
 * @throws {Failure} as `inspectTable`; a missing nft is no error when nothing was asked for.
 */
export async function inspectProtection(call: Call): Promise<string[]> {
  const { attachment, configuration, runtimeConfig, store } = call;
  const { records } = store.recordsOf(attachment);
  const footprint = parseFootprints(records).at(-1);
  const delegated = configuration.ipam && (footprint?.ranges ?? []);
  const egress = egressOf(configuration, runtimeConfig, delegated);
  try {
    const found = await inspectTable(call.run, 'inspect the firewall', planNetwork(egress), footprint);
    if (found.elements.length > 0) store.reportDamage();
    return [...found.rules, ...found.elements];
  } catch (error) {
    if (!isMissing(error) || needsNft(configuration, footprint, egress)) throw error;
    return [];
  }
}
