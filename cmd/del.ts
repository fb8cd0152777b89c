import { parseLocator } from '../conf/configuration.ts';
import { removePair } from '../netns/apply.ts';
import { attachmentOf } from './environment.ts';
import { openStore, type Verb } from './request.ts';

/**
 * DEL (CNI 1.1.0, "DEL: Remove container from network, or un-apply modifications"). The attachment and the
 * network's name are all it goes by: no namespace, no prevResult, and no podCIDR, for those may be gone or changed.
 *
 * The link goes first: as long as it is there, nobody else may have its address.
 */
export const del: Verb = async (request, host) => {
  const attachment = attachmentOf(request.environment);
  const store = openStore(parseLocator(request.configuration));
  await removePair(host.run, attachment);
  store.release(attachment);
  return undefined;
};
