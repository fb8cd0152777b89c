/** The families in the order in which this file lists them; which one a cluster prefers is its configuration's. */
export const families = ['IPv4', 'IPv6'] as const;

export type Family = (typeof families)[number];

/**
 * The addresses of one family: those of the documents (RFC 5737, RFC 3849), and the private ranges that docs/install.md
 * names. `host` is the last part of an address, as written.
 */
interface Plan {
  readonly clusterCIDR: string;
  readonly serviceCIDR: string;
  /** The bits of a node's podCIDR. */
  readonly nodeMask: number;
  /** The Service that pods ask for names. */
  readonly dns: string;
  /** The segment that the nodes are on. */
  readonly segment: Segment;
  /** The segment of the world outside. */
  readonly outside: Segment;
  /** What a load balancer announces: routed to a node, and nobody's address. */
  readonly balanced: Segment;
}

interface Segment {
  readonly cidr: string;
  readonly prefix: number;
  host(number: number): string;
}

function segment(network: string, prefix: number): Segment {
  return {
    cidr: `${network}${network.endsWith(':') ? '' : '0'}/${prefix}`,
    prefix,
    host: (n) => `${network}${n}`,
  };
}

export const plans: Readonly<Record<Family, Plan>> = {
  IPv4: {
    clusterCIDR: '10.244.0.0/16',
    serviceCIDR: '10.96.0.0/16',
    nodeMask: 24,
    dns: '10.96.0.10',
    segment: segment('192.0.2.', 24),
    outside: segment('198.51.100.', 24),
    balanced: segment('203.0.113.', 24),
  },
  IPv6: {
    clusterCIDR: 'fd00:10:244::/56',
    serviceCIDR: 'fd00:10:96::/112',
    nodeMask: 64,
    dns: 'fd00:10:96::a',
    segment: segment('2001:db8::', 64),
    outside: segment('2001:db8:1::', 64),
    balanced: segment('2001:db8:2::', 64),
  },
};

/** Who has which number on the segment of the nodes. */
export const hosts = { router: 1, controlPlane: 5, workers: [10, 11, 12] } as const;

/** The world's number on its own segment, where the router is 1. */
export const worldHost = 10;

export function familyOf(address: string): Family {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

export function other(family: Family): Family {
  return family === 'IPv4' ? 'IPv6' : 'IPv4';
}

/** Both families, this one first. */
export function starting(family: Family): readonly [Family, Family] {
  return [family, other(family)];
}

/** One text of each family, in an order, as Kubernetes takes pairs of them: `10.96.0.0/16,fd00:10:96::/112`. */
export function pair(first: Family, choose: (plan: Plan) => string): string {
  return starting(first)
    .map((family) => choose(plans[family]))
    .join();
}

/** An address as it stands in a URL. */
export function inUrl(address: string): string {
  return familyOf(address) === 'IPv6' ? `[${address}]` : address;
}
