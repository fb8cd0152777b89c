import { interfaces } from '../../../../netns/host/host.ts';
import { hostEndPrefix } from '../../../../netns/link/naming.ts';
import { type Check, type Finding, ok, setting } from './check.ts';
import { effective } from './proc.ts';

/** Linux, ip-sysctl, arp_ignore: no reply at all. */
const silent = 8;

function valuesFor(devices: readonly string[], least: number): string[] {
  return devices.filter((device) => effective('arp_ignore', device) >= least);
}

/** Pods need no ARP, for both ends have permanent neighbours; the uplink does. */
export const arpIgnore: Check = {
  name: 'arp_ignore',
  run: () => {
    const devices = interfaces().filter((name) => !name.startsWith(hostEndPrefix));
    const mute = valuesFor(devices, silent);
    if (mute.length > 0) {
      const paths = ['all', ...mute].map((name) => `/proc/sys/net/ipv4/conf/${name}/arp_ignore`);
      const found = `${mute.join(', ')} answer no ARP request, for arp_ignore is ${silent}: nobody finds the node`;
      return [{ level: 'broken', found, remedy: paths.map((path) => setting(path, 0)) } satisfies Finding];
    }
    const picky = valuesFor(devices, 1);
    if (picky.length === 0) return [ok('the host answers ARP')];
    const found = `arp_ignore is set on ${picky.join(', ')}: harmless to pods, whose neighbours are permanent`;
    return [{ level: 'note', found }];
  },
};
