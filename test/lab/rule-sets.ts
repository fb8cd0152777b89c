import { parseCidr } from '../../conf/family.ts';
import type { Egress } from '../../netns/firewall/masquerade.ts';

/** CIDRs from texts that are such. */
export function cidrs(...texts: string[]) {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

const usual: Egress = {
  network: 'pods',
  ipMasq: 'auto',
  podRanges: cidrs('10.244.1.0/24', 'fd00:10:244:1::/64'),
  exempt: [],
  delegated: false,
};

interface Sample {
  readonly what: string;
  readonly egress: Egress;
  /** The network's chain, but its name, as nft lists it: undefined when there should be none. */
  readonly rules: readonly string[] | undefined;
}

const link = { v4: '169.254.0.0/16, 224.0.0.0/4, 255.255.255.255', v6: 'fe80::/10, ff00::/8' };

/** A handful of configurations, with the rules that they come to. */
export const samples: readonly Sample[] = [
  {
    what: 'private podCIDRs',
    egress: usual,
    rules: [
      `ip saddr 10.244.1.0/24 ip daddr != { 10.244.1.0/24, ${link.v4} } masquerade fully-random`,
      `ip6 saddr fd00:10:244:1::/64 ip6 daddr != { fd00:10:244:1::/64, ${link.v6} } masquerade fully-random`,
    ],
  },
  {
    what: 'clusterCIDRs that hold the podCIDRs, and a single address',
    egress: {
      ...usual,
      exempt: cidrs('10.244.0.0/16', 'fd00:10:244::/48', '192.0.2.7/32', '2001:db8::7/128'),
    },
    rules: [
      `ip saddr 10.244.1.0/24 ip daddr != { 10.244.0.0/16, 169.254.0.0/16, 192.0.2.7, 224.0.0.0/4, 255.255.255.255 } masquerade fully-random`,
      `ip6 saddr fd00:10:244:1::/64 ip6 daddr != { 2001:db8::7, fd00:10:244::/48, ${link.v6} } masquerade fully-random`,
    ],
  },
  {
    what: 'ranges that touch and overlap',
    egress: {
      ...usual,
      network: 'a.network-of_many.words',
      podRanges: cidrs(
        '10.1.0.0/24',
        '10.1.1.0/24',
        '10.1.2.0/24',
        '10.3.0.0/32',
        'fd01::/64',
        'fd01:0:0:1::/64',
      ),
      exempt: cidrs('10.0.0.0/15', '10.1.128.0/17', '240.0.0.0/5', 'fe00::/8'),
    },
    rules: [
      'ip saddr { 10.1.0.0-10.1.2.255, 10.3.0.0 } ip daddr != { 10.0.0.0/15, 10.3.0.0, 169.254.0.0/16, 224.0.0.0-247.255.255.255, 255.255.255.255 } masquerade fully-random',
      'ip6 saddr fd01::/63 ip6 daddr != { fd01::/63, fe00::/7 } masquerade fully-random',
    ],
  },
  {
    what: 'one family alone, public and private ranges, auto',
    egress: { ...usual, podRanges: cidrs('198.51.100.0/24', '100.64.0.0/16', '2001:db8:1::/64') },
    rules: [
      `ip saddr 100.64.0.0/16 ip daddr != { 100.64.0.0/16, 169.254.0.0/16, 198.51.100.0/24, 224.0.0.0/4, 255.255.255.255 } masquerade fully-random`,
    ],
  },
  {
    what: 'by family',
    egress: {
      ...usual,
      ipMasq: { IPv4: false, IPv6: true },
      podRanges: cidrs('10.244.1.0/24', '2001:db8:1::/64'),
    },
    rules: [`ip6 saddr 2001:db8:1::/64 ip6 daddr != { 2001:db8:1::/64, ${link.v6} } masquerade fully-random`],
  },
  { what: 'false', egress: { ...usual, ipMasq: false }, rules: undefined },
  {
    what: 'nothing left to masquerade to',
    egress: { ...usual, exempt: cidrs('0.0.0.0/0', '::/1', '8000::/1') },
    rules: undefined,
  },
];
