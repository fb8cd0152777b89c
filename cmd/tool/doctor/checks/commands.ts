import { packages } from '../../../../netns/process/ip.ts';
import { isOnPath } from '../../../cni/executables.ts';
import { neededCommands } from '../../../verbs/status.ts';
import { type Check, ok, type Patient } from './check.ts';

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

export const commands: Check = {
  name: 'commands',
  run: (patient) => {
    const path = pathOf(patient);
    const needed = neededBy(patient);
    if (needed.length === 0) return [];
    const missing = needed.filter((command) => !isOnPath(command, path));
    if (missing.length === 0) return [ok(`${needed.join(', ')} on the PATH`)];
    const names = [...new Set(missing.map((command) => packages[command] ?? command))].join(' ');
    const [, install] = installers.find(([program]) => isOnPath(program, path)) ?? [];
    return [
      {
        level: 'broken',
        found: `missing commands: ${missing.join(', ')}`,
        ...(install && { remedy: [`${install} ${names}`] }),
        advice: `they must be on the PATH of the container runtime; Debian has them in: ${names}`,
      },
    ];
  },
};
