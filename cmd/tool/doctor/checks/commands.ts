import { packages } from '../../../../netns/process/ip.ts';
import { thisNode } from '../../../cni/call.ts';
import { isOnPath } from '../../../cni/executables.ts';
import { neededCommands } from '../../../verbs/status.ts';
import { findOutdated } from '../../../verbs/versions.ts';
import { type Check, type Finding, ok, type Patient } from './check.ts';

/** What installs a package, on the distributions that have each. */
const installers = [
  ['apt-get', 'apt-get install -y'],
  ['dnf', 'dnf install -y'],
  ['zypper', 'zypper install -y'],
  ['apk', 'apk add'],
] as const;

const usualPath = '/usr/sbin:/usr/bin:/sbin:/bin';

export function pathOf({ environment }: Patient): string {
  return environment['PATH'] ?? usualPath;
}

/** What an ADD by this configuration starts. */
export function neededBy({ plugin, configuration }: Patient): string[] {
  return plugin && configuration ? neededCommands(plugin, configuration) : [];
}

function broken(found: string, programs: readonly string[], path: string, advice: string): Finding {
  const names = [...new Set(programs.flatMap((command) => packages[command] ?? []))].join(' ');
  const [, install] = installers.find(([program]) => isOnPath(program, path)) ?? [];
  return {
    level: 'broken',
    found,
    ...(install && names !== '' && { remedy: [`${install} ${names}`] }),
    advice: `${advice}; Debian has them in: ${names}`,
  };
}

export const commands: Check = {
  name: 'commands',
  run: async (patient) => {
    const path = pathOf(patient);
    const needed = neededBy(patient);
    if (needed.length === 0) return [];
    const missing = needed.filter((command) => !isOnPath(command, path));
    if (missing.length > 0) {
      const advice = 'they must be on the PATH of the container runtime';
      return [broken(`missing commands: ${missing.join(', ')}`, missing, path, advice)];
    }
    const outdated = await findOutdated(
      thisNode(patient.run, () => {}),
      needed,
      path,
    );
    if (outdated.length === 0) return [ok(`${needed.join(', ')} on the PATH`)];
    const programs = outdated.map(({ program }) => program);
    const advice = 'a release of the distribution that is newer has what pods need';
    return [broken(outdated.map(({ sentence }) => sentence).join('; '), programs, path, advice)];
  },
};
