import { digestOf } from '../../ipam/attachment.ts';
import type { Attachment } from '../../ipam/store/store.ts';

/** What every host end's name begins with. */
export const hostEndPrefix = 'vethds';

/** The names and MAC addresses of a veth pair. All are derived from the attachment, so they can be found again. */
export interface PairNames {
  readonly hostEnd: string;
  readonly hostMac: string;
  readonly podMac: string;
}

/** A unicast, locally administered MAC address (IEEE 802, the two lowest bits of the first octet) of 46 free bits. */
function macFrom(digits: string): string {
  const octets = (digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  const local = octets.map((octet, index) => (index === 0 ? (octet & 0xfc) | 0x02 : octet));
  return local.map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/**
 * 36 bits of a hash can collide. If another link has the first name, the next one is used.
 *
 * @param podMac that was requested, instead of the derived one.
 */
export function candidateNames(attachment: Attachment, podMac?: string): PairNames[] {
  const names = [0, 1, 2].map((attempt) => pairNames(attachment, attempt));
  return podMac === undefined ? names : names.map((pair) => ({ ...pair, podMac }));
}

function pairNames(attachment: Attachment, attempt: number): PairNames {
  const salted = attempt === 0 ? attachment : { ...attachment, ifname: `${attachment.ifname}/${attempt}` };
  const digest = digestOf(salted);
  return {
    hostEnd: `${hostEndPrefix}${digest.slice(0, 9)}`,
    hostMac: macFrom(digest.slice(16, 28)),
    podMac: macFrom(digest.slice(28, 40)),
  };
}

/** The link-local address that a MAC address gives (RFC 4291, appendix A: modified EUI-64). */
export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((pair) => Number.parseInt(pair, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  // Canonical text: a first group of zeros is part of the double colon.
  const written = groups[0] === 0 ? groups.slice(1) : groups;
  return `fe80::${written.map((group) => group.toString(16)).join(':')}`;
}
