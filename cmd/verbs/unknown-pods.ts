import { formatAddress } from '../../conf/family.ts';
import type { Lease } from '../../ipam/allocate.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import { digestsOfAllNetworks } from '../../ipam/store/lease-index.ts';
import type { LeaseStore } from '../../ipam/store/store.ts';
import { hostEndsBut, routedBy } from '../../netns/link/unknown.ts';
import type { Call } from '../cni/call.ts';

/** A store that leaves out what the kernel knows to be taken, and what to tell of it. */
interface Avoiding {
  readonly store: LeaseStore;
  warnings(taken: Lease): string[];
}

/**
 * Pods may run that no store knows: it was lost, or the network has another name now. The addresses that the kernel routes
 * to them are taken as well.
 */
export function avoidingUnknown<C>({ store, registry, locator }: Call<C>): Avoiding {
  const known = digestsOfAllNetworks(registry.dataDirs(locator.dataDir), readBootID());
  const hostEnds = hostEndsBut(known);
  if (hostEnds.length === 0) return { store, warnings: () => [] };
  const routed = routedBy(hostEnds);
  const met = new Set<string>();
  const isFree = (address: string) => {
    if (!routed.has(address)) return true;
    met.add(address);
    return false;
  };
  return {
    store: {
      reserve: (attachment, address) => isFree(address) && store.reserve(attachment, address),
      giveBack: (attachment, address) => store.giveBack(attachment, address),
      holder: (address) =>
        store.holder(address) ?? (routed.has(address) ? 'a pod that no store knows' : undefined),
      lastGiven: (position) => store.lastGiven(position),
      remember: (attachment, position, address) => store.remember(attachment, position, address),
      taken: () => new Set([...store.taken(), ...routed]),
    },
    warnings: ({ addresses }) => {
      const given = addresses.map(({ address }) => formatAddress(address)).join(' and ');
      return met.size === 0
        ? []
        : [`${[...met].join(', ')} belong to pods that run and that no store knows: the pod gets ${given}`];
    },
  };
}
