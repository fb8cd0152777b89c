import { crashingTables } from '../../../../netns/firewall/foreign.ts';
import { versionOf } from '../../../../netns/process/versions.ts';
import { isOnPath } from '../../../cni/executables.ts';
import type { Check } from './check.ts';
import { neededBy, pathOf } from './commands.ts';
import { some } from './wiring.ts';

/** The tables of others, as far as they keep nft from working at all. */
export const foreignTables: Check = {
  name: 'foreign tables',
  run: async (patient) => {
    if (!neededBy(patient).includes('nft') || !isOnPath('nft', pathOf(patient))) return [];
    const tables = await crashingTables(patient.run);
    if (tables === undefined) return [];
    const nft = `nftables ${(await versionOf(patient.run, 'nft')) ?? '(of an unknown version)'}`;
    const where = tables.length > 0 ? `table ${some(tables)}` : 'the tables of this node';
    return [
      {
        level: 'broken',
        found: `${nft} crashes when it reads ${where}`,
        advice:
          'a newer nft made it, probably 1.1.3 or later: install that release of nftables here, or have the owner of the table make it with this one. Until then no pod starts here; pods that end are removed, and the rest of them when nft works again',
      },
    ];
  },
};
