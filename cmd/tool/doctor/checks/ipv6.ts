import { formatCidr, IPv6 } from '../../../../conf/family.ts';
import { readText } from '../../../../conf/text-file.ts';
import { unsupported } from '../../../../netns/host/host.ts';
import { type Check, command, type Finding, ok, type Patient, setting } from './check.ts';

const switchPath = '/proc/sys/net/ipv6/conf/all/disable_ipv6';

function without(patient: Patient): string[] {
  const subnets = (patient.preference?.pools ?? [])
    .filter(({ family }) => family !== IPv6)
    .flatMap((pool) => pool.subnets);
  if (subnets.length === 0) return [];
  return [command(patient, 'init', '--pod-cidr', subnets.map(formatCidr).join())];
}

/** IPv6 that pods are to have, and the host has not. */
export const ipv6: Check = {
  name: 'IPv6',
  run: (patient) => {
    if (!patient.preference?.pools.some(({ family }) => family === IPv6)) return [];
    const failure = unsupported(IPv6);
    if (!failure) return [ok('IPv6 is enabled on the host')];
    const isSwitchable = readText(switchPath) !== undefined;
    return [
      {
        level: 'broken',
        found: failure.message,
        remedy: isSwitchable ? [setting(switchPath, 0)] : without(patient),
        ...(!isSwitchable && {
          advice: 'or take ipv6.disable=1 off the command line of the kernel, and boot',
        }),
      } satisfies Finding,
    ];
  },
};
