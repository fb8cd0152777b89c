import { reason } from '../../../../conf/failure.ts';
import { parseCidr } from '../../../../conf/family.ts';
import { defaultFileName, fileNameOf, ownPlugin } from '../../init/conflist.ts';
import { type Check, command, type Finding, initFromCluster, ok, type Patient, shellWord } from './check.ts';

/** A name that no runtime reads. */
function moveAway(path: string): string {
  return `mv ${shellWord(path)} ${shellWord(`${path}.disabled`)}`;
}

function broken(found: string, remedy: readonly string[], advice?: string): Finding {
  return { level: 'broken', found, remedy, ...(advice && { advice }) };
}

/** For a mistyped key: the message names the right one (conf/check.ts). */
function corrections(message: string, path: string): string[] {
  const slips = message.matchAll(/unknown key "(\w+)"(?: in [^:]*)?: did you mean "(\w+)"/g);
  return [...slips].map(([, wrong, right]) => `sed -i 's/"${wrong}" *:/"${right}":/' ${shellWord(path)}`);
}

function podCIDRsOf({ plugin }: Patient): string[] {
  const list = plugin?.['podCIDRs'];
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
}

function rewrite(patient: Patient, path: string): string[] {
  const podCIDRs = podCIDRsOf(patient);
  const areUsable = podCIDRs.length > 0 && podCIDRs.every((cidr) => parseCidr(cidr) !== undefined);
  const lacksOne = /no podCIDR for/.test(reason(patient.complaint));
  if (!areUsable || lacksOne) return [initFromCluster(patient)];
  const file = fileNameOf(path);
  const named = file === defaultFileName ? [] : ['--file', shellWord(file)];
  return [command(patient, 'init', '--pod-cidr', podCIDRs.join(), ...named)];
}

/** What is wrong with our own file. */
function ownFindings(patient: Patient, path: string): Finding[] {
  const { complaint, file } = patient;
  if (!complaint) return [ok(`network ${file?.name} of ${path}`)];
  const slips = corrections(reason(complaint), path);
  const advice = 'init keeps the old file beside it: carry over from there what else it held';
  return slips.length > 0
    ? [broken(`${path}: ${reason(complaint)}`, slips)]
    : [broken(`${path}: ${reason(complaint)}`, rewrite(patient, path), advice)];
}

/** Files that the runtime prefers to the one that is examined. */
function strongerThan(path: string, patient: Patient): string[] {
  return patient.candidates.map((candidate) => candidate.path).filter((other) => other < path);
}

function losers(path: string, patient: Patient): Finding[] {
  const names = patient.candidates.map((candidate) => candidate.path).filter((other) => other > path);
  if (names.length === 0) return [];
  return [
    {
      level: 'note',
      found: `the runtime ignores ${names.map(fileNameOf).join(', ')}: the first in lexical order wins`,
    },
  ];
}

/** What editors of Windows write: three bytes that nobody sees, and runtimes take for a fault. */
function withoutMark(path: string): string {
  return `sed -i '1s/^\\xef\\xbb\\xbf//' ${shellWord(path)}`;
}

function unusable(patient: Patient): Finding[] {
  const { file, candidates } = patient;
  const first = file ? { path: file.path, problem: undefined } : candidates[0];
  if (!first)
    return [broken(`there is no network configuration in ${patient.confDir}`, [initFromCluster(patient)])];
  const why = first.problem ?? `${first.path} is for other plugins: it has none of type dualstack`;
  if (why.includes('byte order mark')) return [broken(why, [withoutMark(first.path)])];
  return [broken(why, [moveAway(first.path), initFromCluster(patient)])];
}

/** The file that the runtime uses: the first in lexical order. */
export const configuration: Check = {
  name: 'configuration',
  run: (patient) => {
    const { file } = patient;
    if (!file || !ownPlugin(file)) return unusable(patient);
    const stronger = strongerThan(file.path, patient);
    const lost =
      stronger.length === 0
        ? []
        : [
            broken(
              `the runtime uses ${fileNameOf(stronger[0] ?? '')}, which comes before ${fileNameOf(file.path)}`,
              stronger.map(moveAway),
            ),
          ];
    return [...lost, ...ownFindings(patient, file.path), ...losers(file.path, patient)];
  },
};
