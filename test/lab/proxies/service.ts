import type { Namespace } from '../namespaces.ts';

/** Kubernetes marks with it what is to be masqueraded. */
export const masqueradeMark = '0x4000';

/** How long a client stays with its endpoint, in seconds: the default of `sessionAffinity: ClientIP`. */
export const affinitySeconds = 10_800;

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One port of a Service, in one family: proxies know no more of a Service than that. */
export interface ServicePort {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly clusterIP: string;
  readonly port: number;
  /** On every address of the node. */
  readonly nodePort?: number;
  readonly endpoints: readonly Endpoint[];
  /** `sessionAffinity: ClientIP`. */
  readonly affinity?: boolean;
  /** `externalTrafficPolicy: Local`: clients from outside keep their address. */
  readonly local?: boolean;
}

/** What a proxy knows of one family. */
export interface FamilyServices {
  readonly family: 'IPv4' | 'IPv6';
  /** The cluster's pods: their source addresses are kept. */
  readonly clusterCIDR: string;
  readonly nodeIP: string;
  readonly services: readonly ServicePort[];
}

/** A Service proxy in one of its modes: rules of the shape that kube-proxy writes, in tables of their own. */
export interface ServiceProxy {
  readonly mode: string;
  /** Puts the rules in place, in the stead of those that it put there before. */
  sync(node: Namespace, family: FamilyServices): Promise<void>;
  /** The rules as they are now, without counters and without the clients that affinity remembers. */
  rules(node: Namespace): Promise<string>;
}
