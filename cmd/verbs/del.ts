import { removePair } from '../../netns/link/apply.ts';
import type { Call, Verb } from '../cni/call.ts';
import { delegate, delegateOf } from '../cni/delegate.ts';
import { together } from './together.ts';
import { unprotect } from './unprotect.ts';

/**
 * Removes an attachment: its link and its part of the firewall side by side, and then its lease, ours or that of a
 * delegate. As long as one of them is there, nobody else may have its address. An ADD that is under way beside it has
 * done all before this begins, or will undo itself.
 */
export async function detach(call: Call): Promise<void> {
  const { store, attachment } = call;
  store.end(attachment);
  // The link first, for the kernel takes its time to let one go.
  await together(removePair(call.run, attachment), unprotect(store, attachment, call));
  const type = delegateOf(call.input);
  if (type !== undefined) await delegate(type, 'DEL', call);
  store.release(attachment);
}

/**
 * DEL (CNI 1.1.0, "DEL: Remove container from network, or un-apply modifications"). The attachment and the
 * network's name are all it goes by: no namespace, no prevResult, and no podCIDR, for those may be gone or changed.
 */
export const del: Verb = async (call) => {
  await detach(call);
  return undefined;
};
