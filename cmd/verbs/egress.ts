import type { Configuration } from '../../conf/configuration.ts';
import { type Cidr, sizeOf } from '../../conf/family.ts';
import { parseRuntimeConfig, type RuntimeConfig } from '../../conf/runtime.ts';
import type { LeasedAddress } from '../../ipam/allocate.ts';
import type { Footprint } from '../../netns/firewall/footprint.ts';
import { type Egress, planNetwork } from '../../netns/firewall/masquerade.ts';

/** The network of an address that another plugin gave. */
export function networkOf({ address, prefix }: LeasedAddress): Cidr {
  const size = sizeOf(address.family, prefix);
  return { family: address.family, base: address.value - (address.value % size), prefix };
}

/**
 * What the configuration and the runtime say about masquerading.
 *
 * @param delegated where the addresses are that another plugin gave; undefined when the pools are ours.
 */
export function egressOf(
  configuration: Configuration,
  runtimeConfig: RuntimeConfig,
  delegated: readonly Cidr[] | undefined,
): Egress {
  const { name, ipMasq, podCIDRs, clusterCIDRs, nonMasqueradeCIDRs } = configuration;
  const ranges = [...(configuration.ranges ?? []), ...(runtimeConfig.ipRanges ?? [])].flat();
  const own = [...podCIDRs, ...ranges.map(({ subnet }) => subnet)];
  return {
    network: name,
    ipMasq,
    podRanges: delegated ?? own,
    exempt: [...podCIDRs, ...clusterCIDRs, ...nonMasqueradeCIDRs],
    delegated: delegated !== undefined,
  };
}

/** Whether pods of this configuration, or this one of them, cannot do without nft. */
export function needsNft(configuration: Configuration, footprint?: Footprint, egress?: Egress): boolean {
  if (configuration.spoofCheck || (footprint?.ports.length ?? 0) > 0) return true;
  const { blocks } = planNetwork(egress ?? egressOf(configuration, parseRuntimeConfig({}), undefined));
  return blocks.length > 0;
}
