import { defaultNodeState, NodeRegistry } from '../../../../ipam/store/registry.ts';
import { inspectWirings, livingAttachments } from '../../../verbs/wiring.ts';
import { allDataDirs, sentenceOf } from '../../repair/repair.ts';
import { type Check, command, type Finding, ok } from './check.ts';

/** The first of many sentences say which kind it is. */
export function some(sentences: readonly string[]): string {
  const more = sentences.length > 5 ? `; and ${sentences.length - 5} more` : '';
  return sentences.slice(0, 5).join('; ') + more;
}

/** So many things that are wrong with one pod say which kind it is. */
const most = 3;

/** `as it should be, for 1 attachment` */
export function forAll(what: string, count: number): string {
  return `${what}, for ${count} attachment${count === 1 ? '' : 's'}`;
}

/** Links, addresses, routes and neighbours of each pod, on both sides, by what its ADD noted: as CHECK has it. */
export const wiring: Check = {
  name: 'wiring',
  run: async (patient) => {
    const living = livingAttachments(allDataDirs(new NodeRegistry(defaultNodeState), patient.confDir));
    const known = living.filter((each) => each.wiring);
    const damages = await inspectWirings(patient.run, known, (done) =>
      patient.progress(`doctor looks at pods: ${done} of ${known.length}`),
    );
    const found: Finding[] = [];
    if (damages.length > 0)
      found.push({
        level: 'broken',
        found: some(damages.map((damage) => sentenceOf(damage, most))),
        remedy: [command(patient, 'repair')],
      });
    if (known.length < living.length)
      found.push({
        level: 'note',
        found: `not checked: ${living.length - known.length} attachments that an earlier version added, which noted no wiring`,
      });
    return found.length > 0 || living.length === 0 ? found : [ok(forAll('as ADD left it', living.length))];
  },
};
