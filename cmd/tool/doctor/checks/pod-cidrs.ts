import { type Address, contains, formatCidr, parseAddress } from '../../../../conf/family.ts';
import { findNetworks, type Network } from '../../engine/networks.ts';
import { type Check, type Finding, initFromCluster, type Patient } from './check.ts';

function isFrom({ preference }: Network, address: Address): boolean {
  const subnets = (preference?.pools ?? []).flatMap((pool) => pool.subnets);
  return subnets.some((subnet) => contains(subnet, address));
}

/** Leases of pods that the network's own pools could not have given. */
function strangersOf(network: Network): string[] {
  return network.store
    .list()
    .map(({ address }) => address)
    .filter((text) => {
      const address = parseAddress(text);
      return address !== undefined && !isFrom(network, address);
    });
}

function findingsOf(network: Network, patient: Patient): Finding[] {
  if (!network.isWired || !network.preference) return [];
  const strangers = strangersOf(network);
  if (strangers.length === 0) return [];
  const own = network.preference.pools.flatMap((pool) => pool.subnets.map(formatCidr)).join(', ');
  const which = strangers.slice(0, 4).join(', ') + (strangers.length > 4 ? ', …' : '');
  return [
    {
      level: 'warning',
      found: `network ${network.name}: ${strangers.length} addresses of pods are not of the podCIDRs of its file, ${own}: ${which}`,
      remedy: [initFromCluster(patient)],
      advice:
        'if the podCIDRs of the node have changed, these pods keep their addresses, which others no longer route here: create them again',
    },
  ];
}

/** A file that is of another node, or that was changed since the pods were made. */
export const podCIDRs: Check = {
  name: 'podCIDRs',
  run: (patient) => findNetworks(patient.confDir).flatMap((network) => findingsOf(network, patient)),
};
