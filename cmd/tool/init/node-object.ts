import * as z from 'zod/mini';
import { codes, Failure, reason } from '../../../conf/failure.ts';

/** What is told of a node, in Kubernetes' own words, all as text. */
export interface NodeFacts {
  readonly podCIDRs: readonly string[];
  readonly nodeIPs: readonly string[];
}

/**
 * A Node (Kubernetes API, core/v1), as far as it says what we need:
 *
 *     {"kind":"Node","spec":{"podCIDRs":["10.244.1.0/24","fd00:10:244:1::/64"]},
 *      "status":{"addresses":[{"type":"InternalIP","address":"192.0.2.10"}]}}
 */
const node = z.object({
  kind: z.literal('Node'),
  spec: z.object({ podCIDR: z.optional(z.string()), podCIDRs: z.optional(z.array(z.string())) }),
  status: z.optional(
    z.object({ addresses: z.optional(z.array(z.object({ type: z.string(), address: z.string() }))) }),
  ),
});

function unusable(why: string, cause?: unknown): Failure {
  return new Failure(codes.decoding, `read the Node object: ${why}`, {
    details: 'pipe one in: kubectl get node NAME -o json | dualstack init -',
    cause,
  });
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unusable(`it is not JSON: ${reason(error)}`, error);
  }
}

/** @throws {Failure} code 6 when the text is no Node, or one without podCIDRs. */
export function parseNode(text: string): NodeFacts {
  const parsed = node.safeParse(decode(text));
  if (!parsed.success) {
    const where = parsed.error.issues.map(({ path }) => path.join('.') || 'all of it').join(', ');
    throw unusable(`invalid: ${where}`);
  }
  const { spec, status } = parsed.data;
  const podCIDRs = spec.podCIDRs ?? (spec.podCIDR === undefined ? [] : [spec.podCIDR]);
  if (podCIDRs.length === 0)
    throw unusable('.spec.podCIDRs is empty: does the controller manager run with --allocate-node-cidrs?');
  const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  return { podCIDRs, nodeIPs: internal.map(({ address }) => address) };
}
