import { IPv4 } from '../../../../conf/family.ts';
import { readNumber } from '../../../../conf/text-file.ts';
import { forwardingSwitch, interfaces, isForwarding } from '../../../../netns/host/host.ts';
import { hostEndPrefix } from '../../../../netns/link/naming.ts';
import { type Check, command, type Finding, ok, type Patient, setting } from './check.ts';
import { defaultRoutes } from './network.ts';

/** IPv4's own switch of a link, or of those that come, `default` (Linux, ip-sysctl). IPv6 has one for all. */
function switchOf(link: string): string {
  return `/proc/sys/net/ipv4/conf/${link}/forwarding`;
}

function isOff(link: string): boolean {
  return readNumber(switchOf(link)) === 0;
}

function ofFamilies({ preference, configuration }: Patient, hasPods: boolean): Finding[] {
  const wanted = (preference?.pools ?? []).map(({ family }) => family);
  return wanted
    .filter((family) => !isForwarding(family))
    .map(({ name }): Finding => {
      const path = forwardingSwitch[name];
      if (configuration?.sysctls && !hasPods)
        return {
          level: 'note',
          found: `the host does not forward ${name} yet: the first pod switches it on`,
        };
      const who = configuration?.sysctls ? 'and pods run' : 'and sysctls is false';
      return {
        level: 'broken',
        found: `the host does not forward ${name}, ${who}: ${path} is 0`,
        remedy: [setting(path, 1)],
      };
    });
}

/** What comes from a pod comes in on its host end, and what comes from the outside on an uplink. */
async function ofLinks(patient: Patient, hostEnds: readonly string[]): Promise<Finding[]> {
  if (!isForwarding(IPv4)) return [];
  const routes = await defaultRoutes(patient);
  const uplinks = [
    ...new Set(routes.filter(({ family }) => family === IPv4).flatMap(({ devices }) => devices)),
  ];
  const [ends, others] = [hostEnds.filter(isOff), ['default', ...uplinks].filter(isOff)];
  const several =
    ends.length > 3 ? `${ends.slice(0, 3).join(', ')} and ${ends.length - 3} more` : ends.join(', ');
  return [
    ...(ends.length > 0
      ? [
          {
            level: 'broken' as const,
            found: `${several}: the host forwards nothing of IPv4 that comes from these pods`,
            remedy: [command(patient, 'repair')],
          },
        ]
      : []),
    ...others.map((link): Finding => {
      const which = link === 'default' ? 'links that are made from now on' : link;
      return {
        level: 'broken',
        found: `${which}: the host forwards nothing of IPv4 that comes in there: ${switchOf(link)} is 0`,
        remedy: [setting(switchOf(link), 1)],
      };
    }),
  ];
}

/** Whether the host forwards at all, and on each link that pods' packets come in by. */
export const forwarding: Check = {
  name: 'forwarding',
  run: async (patient) => {
    const pools = patient.preference?.pools ?? [];
    if (pools.length === 0) return [];
    const hostEnds = interfaces().filter((name) => name.startsWith(hostEndPrefix));
    const ofIPv4 = pools.some(({ family }) => family === IPv4) ? await ofLinks(patient, hostEnds) : [];
    const found = [...ofFamilies(patient, hostEnds.length > 0), ...ofIPv4];
    return found.length > 0 ? found : [ok(pools.map(({ family }) => family.name).join(', '))];
  },
};
