import type { Attachment } from '../../../../ipam/store/store.ts';
import { candidateNames } from '../../../../netns/link/naming.ts';
import { Call, thisNode } from '../../../cni/call.ts';
import { inspectFirewall } from '../../../verbs/firewall.ts';
import { plugin as face } from '../../../verbs/plugin.ts';
import { hostEnds } from '../../leases/inventory.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';

function repair({ executable }: Patient): string[] {
  return [`${shellWord(executable)} repair`];
}

async function wired({ store, run }: Call): Promise<Attachment[]> {
  const names = new Set((await hostEnds(run)).map(({ ifname }) => ifname));
  const known = store.known().map(({ attachment }) => attachment);
  return known.filter((attachment) => candidateNames(attachment).some(({ hostEnd }) => names.has(hostEnd)));
}

/** The table and what each pod has in it, by the inspection that CHECK makes. The first ADD makes the table. */
export const table: Check = {
  name: 'nftables table',
  run: async (patient) => {
    const { configuration, plugin, environment, run } = patient;
    if (!configuration || !plugin) return [];
    const call = new Call(
      face,
      { environment, version: '1.1.0', input: plugin },
      thisNode(run, () => {}),
    );
    const attachments = await wired(call);
    if (attachments.length === 0) return [];
    const problems = new Set<string>();
    for (const attachment of attachments) {
      for (const problem of await inspectFirewall(call.about(attachment))) problems.add(problem);
    }
    if (problems.size === 0) return [ok(`as it should be, for ${attachments.length} attachments`)];
    const found =
      [...problems].slice(0, 5).join('; ') + (problems.size > 5 ? `; and ${problems.size - 5} more` : '');
    return [{ level: 'broken', found, remedy: repair(patient) } satisfies Finding];
  },
};
