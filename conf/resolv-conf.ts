import type { Dns } from './configuration.ts';

/** The words after each keyword, from all its lines. */
type Read = (words: readonly string[]) => Dns;

const keys: Readonly<Record<string, Read>> = {
  nameserver: (words) => ({ nameservers: words.slice(0, 1) }),
  domain: ([domain]) => ({ domain }),
  search: (search) => ({ search: [...search] }),
  options: (options) => ({ options: [...options] }),
};

/** Lists collect all lines; for the domain, the last line wins. */
function joined(before: Dns, line: Dns): Dns {
  const entries = Object.entries(line).map(([key, value]) => {
    const earlier = before[key as keyof Dns];
    return [key, Array.isArray(value) && Array.isArray(earlier) ? [...earlier, ...value] : value];
  });
  return { ...before, ...Object.fromEntries(entries) };
}

/**
 * Parses resolver settings from a file (resolv.conf(5)), like host-local:
 *
 *     # of the node
 *     nameserver 10.96.0.10
 *     search svc.cluster.local cluster.local
 *     options ndots:5
 */
export function parseResolvConf(text: string): Dns {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  return lines.reduce((dns: Dns, [word = '', ...rest]) => {
    const read = Object.hasOwn(keys, word) && rest.length > 0 ? keys[word] : undefined;
    return read ? joined(dns, read(rest)) : dns;
  }, {});
}
