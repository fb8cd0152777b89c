import { codes, Failure } from '../../conf/failure.ts';
import { isOwnNamespace } from '../../netns/link/namespace.ts';
import type { Environment } from '../cni/environment.ts';

/**
 * A pod must not use the host's network namespace, unless the caller explicitly allows it. @throws {Failure} code 8.
 */
export function rejectOwnNamespace(environment: Environment, path: string): void {
  const isOverridden = /^(?:1|true)$/i.test(environment['CNI_NETNS_OVERRIDE'] ?? '');
  if (isOverridden || !isOwnNamespace(path)) return;
  throw new Failure(codes.ownNamespace, "plugin's netns and netns from CNI_NETNS should not be the same");
}
