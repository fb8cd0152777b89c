import { defaultNodeState, NodeRegistry } from '../../../../ipam/store/registry.ts';
import { inspectTable } from '../../../../netns/firewall/inspect.ts';
import { livingFootprints } from '../../../verbs/notes.ts';
import { allDataDirs } from '../../repair/repair.ts';
import { type Check, command, type Finding, ok } from './check.ts';
import { forAll, some } from './wiring.ts';

/** The table and what each pod has in it, by what their ADDs noted: asked once for all. The first ADD makes the table. */
export const table: Check = {
  name: 'nftables table',
  run: async (patient) => {
    const dataDirs = allDataDirs(new NodeRegistry(defaultNodeState), patient.confDir);
    const footprints = livingFootprints(dataDirs);
    if (footprints.length === 0) return [];
    const inspection = await inspectTable(patient.run, 'inspect the firewall', footprints);
    const problems = new Set(inspection.problems);
    if (problems.size === 0) return [ok(forAll('as it should be', footprints.length))];
    const found = some([...problems]);
    return [{ level: 'broken', found, remedy: [command(patient, 'repair')] } satisfies Finding];
  },
};
