import { codes, Failure } from '../../conf/failure.ts';
import { isOwnNamespace } from '../../netns/link/namespace.ts';
import type { Environment } from '../cni/environment.ts';

/** The host's network is no pod's, unless the caller says that he means it. @throws {Failure} code 8. */
export function rejectOwnNamespace(environment: Environment, path: string): void {
  const isOverridden = /^(?:1|true)$/i.test(environment['CNI_NETNS_OVERRIDE'] ?? '');
  if (isOverridden || !isOwnNamespace(path)) return;
  throw new Failure(codes.ownNamespace, "plugin's netns and netns from CNI_NETNS should not be the same");
}
