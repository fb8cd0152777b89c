import { IPv4 } from '../../../../conf/family.ts';
import { type Check, type Finding, ok, setting } from './check.ts';
import { hostRoutes } from './network.ts';
import { effective } from './proc.ts';

const strict = 1;
const loose = 2;

/** Strict filtering is right for a pod, whose only way is its own link, and for a single uplink. */
export const reversePath: Check = {
  name: 'rp_filter',
  run: async (patient) => {
    const routes = (await hostRoutes(patient)).filter(({ dst }) => dst === IPv4.everywhere);
    const uplinks = [...new Set(routes.flatMap(({ dev }) => dev ?? []))];
    const filtered = uplinks.filter((device) => effective('rp_filter', device) === strict);
    if (uplinks.length < 2 || filtered.length === 0)
      return [ok('the reverse path filter drops nothing of ours')];
    return filtered.map(
      (device): Finding => ({
        level: 'warning',
        found: `of several uplinks, ${device} filters strictly: answers that come in on another one than they would leave by are dropped`,
        remedy: [setting(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, loose)],
      }),
    );
  },
};
