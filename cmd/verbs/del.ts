import { parseLocator } from '../../conf/configuration.ts';
import type { DiskStore } from '../../ipam/store/disk.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { removePair } from '../../netns/link/apply.ts';
import { delegate, delegateOf } from '../cni/delegate.ts';
import { attachmentOf } from '../cni/environment.ts';
import { type Host, openStore, type Request, type Verb } from '../cni/request.ts';
import { together } from './together.ts';
import { unprotect } from './unprotect.ts';

/**
 * Removes an attachment: its link and its part of the firewall side by side, and then its lease, ours or that of a
 * delegate. As long as one of them is there, nobody else may have its address. An ADD that is under way beside it has
 * done all before this begins, or will undo itself.
 */
export async function detach(
  store: DiskStore,
  attachment: Attachment,
  request: Request,
  host: Host,
): Promise<void> {
  store.end(attachment);
  // The link first, for the kernel takes its time to let one go.
  await together(removePair(host.run, attachment), unprotect(store, attachment, host));
  const type = delegateOf(request.configuration);
  if (type !== undefined) await delegate(type, 'DEL', requestOf(attachment, request), host);
  store.release(attachment);
}

function requestOf({ containerID, ifname }: Attachment, request: Request): Request {
  const environment = { ...request.environment, CNI_CONTAINERID: containerID, CNI_IFNAME: ifname };
  return { ...request, environment };
}

/**
 * DEL (CNI 1.1.0, "DEL: Remove container from network, or un-apply modifications"). The attachment and the
 * network's name are all it goes by: no namespace, no prevResult, and no podCIDR, for those may be gone or changed.
 */
export const del: Verb = async (request, host) => {
  const attachment = attachmentOf(request.environment);
  const store = openStore(parseLocator(request.configuration));
  await detach(store, attachment, request, host);
  return undefined;
};
