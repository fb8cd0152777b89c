import type { Footprint } from '../../netns/firewall/footprint.ts';
import type { Call } from '../cni/call.ts';
import { delegate, delegateOf } from '../cni/delegate.ts';
import { type Removal, removeWhole } from './removal.ts';

/** Removes an attachment, alone: an ADD that is under way beside it will not be confirmed, and undoes itself. */
export async function detach<C>(call: Call<C>): Promise<void> {
  await call.store.alone('release', call.attachment, () =>
    removeWhole(removalOf(call, call.wires, []), call),
  );
}

/** @param footprints beside those that are noted. */
export function removalOf<C>(call: Call<C>, hasLink: boolean, footprints: readonly Footprint[]): Removal {
  const { store, attachment } = call;
  const type = call.wires ? delegateOf(call.input) : undefined;
  const release = async () => type !== undefined && delegate(type, 'DEL', call);
  return { store, attachment, hasLink, footprints, release };
}

/**
 * DEL (CNI 1.1.0, "DEL: Remove container from network, or un-apply modifications"). It needs only the attachment and
 * the network's name: no namespace, no prevResult and no podCIDR, because those can be gone or changed.
 */
export async function del<C>(call: Call<C>): Promise<undefined> {
  await detach(call);
}
