import { families } from '../../conf/family.ts';
import { readRows } from '../../conf/text-file.ts';
import { interfaces } from '../host/host.ts';
import { hostEndPrefix } from './naming.ts';

/** The names of the host ends in our network namespace. */
export function hostEnds(): string[] {
  return interfaces().filter((name) => name.startsWith(hostEndPrefix));
}

/** Host ends that are named for none of these attachments. @param digests of attachments (digestOf). */
export function hostEndsBut(digests: readonly string[]): string[] {
  const length = hostEndPrefix.length + 9;
  const known = new Set(digests.map((digest) => `${hostEndPrefix}${digest}`.slice(0, length)));
  return hostEnds().filter((name) => !known.has(name));
}

/**
 * The addresses that the kernel has routes to by these links (proc_pid_net(5)):
 *
 *     /proc/net/route        vethds0123456ab  0201F40A  00000000  0005  0  0  0  FFFFFFFF  0  0  0
 *     /proc/net/ipv6_route   fd000010024400010000000000000002 80 0000…0000 00 0000…0000 … vethds0123456ab
 */
export function routedBy(links: readonly string[]): ReadonlySet<string> {
  const wanted = new Set(links);
  const ipv4 = readRows('/proc/net/route')
    .filter(([link = '', , , , , , , mask]) => wanted.has(link) && mask === 'FFFFFFFF')
    .map(([, destination = '']) => BigInt(`0x${destination.replace(/(..)(..)(..)(..)/, '$4$3$2$1')}`));
  const ipv6 = readRows('/proc/net/ipv6_route')
    .filter((fields) => wanted.has(fields[9] ?? '') && fields[1] === '80')
    .map(([destination]) => BigInt(`0x${destination}`));
  const found = { IPv4: ipv4, IPv6: ipv6 };
  return new Set(families.flatMap((family) => found[family.name].map((value) => family.format(value))));
}
