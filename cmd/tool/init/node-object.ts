import { parse } from 'yaml';
import * as z from 'zod/mini';
import { codes, Failure, reason } from '../../../conf/failure.ts';

/** What is told of a node, in Kubernetes' own words, all as text. */
export interface NodeFacts {
  readonly podCIDRs: readonly string[];
  readonly nodeIPs: readonly string[];
}

/** A Node's name; empty when it has none. */
const metadata = z.optional(z.object({ name: z.optional(z.string()) }));

/**
 * A Node (Kubernetes API, core/v1), as far as it says what we need:
 *
 *     {"kind":"Node","spec":{"podCIDRs":["10.244.1.0/24","fd00:10:244:1::/64"]},
 *      "status":{"addresses":[{"type":"InternalIP","address":"192.0.2.10"}]}}
 */
const node = z.object({
  kind: z.literal('Node'),
  metadata,
  spec: z.object({ podCIDR: z.optional(z.string()), podCIDRs: z.optional(z.array(z.string())) }),
  status: z.optional(
    z.object({ addresses: z.optional(z.array(z.object({ type: z.string(), address: z.string() }))) }),
  ),
});

/** `kubectl get nodes`: Nodes in a list. */
const list = z.object({
  kind: z.enum(['List', 'NodeList']),
  items: z.array(z.looseObject({ kind: z.optional(z.string()), metadata })),
});

function unusable(why: string, cause?: unknown): Failure {
  return new Failure(codes.decoding, `read the Node object: ${why}`, {
    details: 'pipe one in: kubectl get node NAME -o json | dualstack init -',
    cause,
  });
}

/** All JSON is YAML, too. */
function decode(text: string): unknown {
  try {
    const decoded: unknown = parse(text, { logLevel: 'silent' });
    if (typeof decoded === 'object' && decoded !== null) return decoded;
  } catch (error) {
    throw unusable(`it is neither JSON nor YAML: ${reason(error).split('\n')[0]}`, error);
  }
  throw unusable('it is neither JSON nor YAML of an object');
}

/** The Node that is meant of a list, whose items need not say that they are Nodes. */
function chosen(decoded: unknown, name: string | undefined): unknown {
  const parsed = list.safeParse(decoded);
  if (!parsed.success) return decoded;
  const nodes = parsed.data.items.filter(({ kind = 'Node' }) => kind === 'Node');
  const found = name === undefined ? nodes : nodes.filter((each) => each.metadata?.name === name);
  const [only] = found;
  if (only && found.length === 1) return { ...only, kind: 'Node' };
  const names = nodes.map((each) => each.metadata?.name ?? '?').join(', ');
  if (nodes.length === 0) throw unusable('the list has no Node');
  throw unusable(
    name === undefined
      ? `the list has ${nodes.length} Nodes, ${names}: say which one with --node-name`
      : `the list has no Node ${name}, but ${names}`,
  );
}

/**
 * @param text a Node, or a list of Nodes, as JSON or YAML.
 * @param name of the Node that is meant, where a list has several.
 * @throws {Failure} code 6 when the text is no Node, or one without podCIDRs.
 */
export function parseNode(text: string, name?: string): NodeFacts {
  const parsed = node.safeParse(chosen(decode(text), name));
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
