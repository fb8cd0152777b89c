import { type Address, parseAddress, parseCidr } from '../../conf/family.ts';
import type { EgressSettings } from '../../netns/firewall/egress.ts';

/** CIDRs from texts that are such. */
export function cidrs(...texts: string[]) {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

/** Addresses from texts that are such. */
export function addressesOf(...texts: string[]): Address[] {
  return texts.flatMap((text) => parseAddress(text) ?? []);
}

interface Sample {
  readonly what: string;
  readonly addresses: readonly Address[];
  /** Destinations that see the pod's own address. */
  readonly direct: readonly ReturnType<typeof cidrs>[number][];
  readonly settings: EgressSettings;
  /** The rules of the chain that such a pod's packets pass. */
  readonly rules: readonly string[];
}

const settings: EgressSettings = { ipMasq: 'auto', masqLinkLocal: true, masqLinkLocalIPv6: false };
const usual = {
  addresses: addressesOf('10.244.1.7', 'fd00:10:244:1::7'),
  direct: cidrs('10.244.1.0/24', 'fd00:10:244:1::/64'),
  settings,
};
const many = { v4: '224.0.0.0/4, 255.255.255.255', v6: 'ff00::/8' };

/** A handful of pods, with the rules that they come to. */
export const samples: readonly Sample[] = [
  {
    what: 'private podCIDRs',
    ...usual,
    rules: [
      `ip daddr != { 10.244.1.0/24, ${many.v4} } masquerade fully-random`,
      `ip6 daddr != { fd00:10:244:1::/64, fe80::/10, ${many.v6} } masquerade fully-random`,
    ],
  },
  {
    what: 'link-local destinations, the other way round',
    ...usual,
    settings: { ...settings, masqLinkLocal: false, masqLinkLocalIPv6: true },
    rules: [
      `ip daddr != { 10.244.1.0/24, 169.254.0.0/16, ${many.v4} } masquerade fully-random`,
      `ip6 daddr != { fd00:10:244:1::/64, ${many.v6} } masquerade fully-random`,
    ],
  },
  {
    what: 'clusterCIDRs that hold the podCIDRs, and a single address',
    ...usual,
    direct: [
      ...usual.direct,
      ...cidrs('10.244.0.0/16', 'fd00:10:244::/48', '192.0.2.7/32', '2001:db8::7/128'),
    ],
    rules: [
      `ip daddr != { 10.244.0.0/16, 192.0.2.7, ${many.v4} } masquerade fully-random`,
      `ip6 daddr != { 2001:db8::7, fd00:10:244::/48, fe80::/10, ${many.v6} } masquerade fully-random`,
    ],
  },
  {
    what: 'ranges that touch and overlap',
    ...usual,
    direct: cidrs(
      '10.1.0.0/24',
      '10.1.1.0/24',
      '10.1.2.0/24',
      '10.3.0.0/32',
      'fd01::/64',
      'fd01:0:0:1::/64',
      '240.0.0.0/5',
      'fe00::/8',
    ),
    rules: [
      'ip daddr != { 10.1.0.0-10.1.2.255, 10.3.0.0, 224.0.0.0-247.255.255.255, 255.255.255.255 } masquerade fully-random',
      'ip6 daddr != { fd01::/63, fe00::/7 } masquerade fully-random',
    ],
  },
  {
    what: 'a private and a public address, auto',
    ...usual,
    addresses: addressesOf('100.64.0.7', '2001:db8:1::7'),
    rules: [`ip daddr != { 10.244.1.0/24, ${many.v4} } masquerade fully-random`],
  },
  {
    what: 'by family',
    ...usual,
    settings: { ...settings, ipMasq: { IPv4: false, IPv6: true } },
    addresses: addressesOf('10.244.1.7', '2001:db8:1::7'),
    rules: [`ip6 daddr != { fd00:10:244:1::/64, fe80::/10, ${many.v6} } masquerade fully-random`],
  },
  { what: 'false', ...usual, settings: { ...settings, ipMasq: false }, rules: [] },
  {
    what: 'nothing left to masquerade to',
    ...usual,
    direct: cidrs('0.0.0.0/0', '::/1', '8000::/1'),
    rules: [],
  },
];
