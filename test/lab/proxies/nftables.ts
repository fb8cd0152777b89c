import type { Namespace } from '../namespaces.ts';
import {
  affinitySeconds,
  type FamilyServices,
  masqueradeMark,
  type ServicePort,
  type ServiceProxy,
} from './service.ts';

/** The words of nftables for a family. */
const words = {
  IPv4: { ip: 'ip', type: 'ipv4_addr', endpoint: (address: string, port: number) => `${address}:${port}` },
  IPv6: { ip: 'ip6', type: 'ipv6_addr', endpoint: (address: string, port: number) => `[${address}]:${port}` },
} as const;

type Words = (typeof words)[keyof typeof words];

function endpointName(service: ServicePort, index: number): string {
  return `endpoint-${service.name}-${index}`;
}

function affinitySet(service: ServicePort, index: number): string {
  return `affinity-${service.name}-${index}`;
}

/** One endpoint in turn for each connection, by chance. */
function spread(service: ServicePort): string {
  const verdicts = service.endpoints.map((_, index) => `${index} : goto ${endpointName(service, index)}`);
  return `numgen random mod ${verdicts.length} vmap { ${verdicts.join(', ')} }`;
}

function serviceChain(service: ServicePort, { ip }: Words, clusterCIDR: string): string {
  const { name, protocol, clusterIP, port } = service;
  const known = service.endpoints.map(
    (_, index) => `${ip} saddr @${affinitySet(service, index)} goto ${endpointName(service, index)}`,
  );
  return `chain service-${name} {
    ${ip} daddr ${clusterIP} ${protocol} dport ${port} ${ip} saddr != ${clusterCIDR} jump mark-for-masquerade
    ${(service.affinity ? known : []).join('\n    ')}
    ${spread(service)}
  }`;
}

/** What comes by the node port: from anywhere in any way, or, with the local policy, with its address kept. */
function externalChain(service: ServicePort, { ip }: Words, clusterCIDR: string): string {
  const everywhere = ['jump mark-for-masquerade', `goto service-${service.name}`];
  const local = [
    `${ip} saddr ${clusterCIDR} goto service-${service.name} comment "short-circuit pod traffic"`,
    'fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"',
    `fib saddr type local goto service-${service.name} comment "short-circuit local traffic"`,
    spread(service),
  ];
  return `chain external-${service.name} {
    ${(service.local ? local : everywhere).join('\n    ')}
  }`;
}

function endpointChain(service: ServicePort, index: number, { ip, endpoint }: Words): string[] {
  const { address = '', port = 0 } = service.endpoints[index] ?? {};
  return [
    `chain ${endpointName(service, index)} {`,
    `${ip} saddr ${address} jump mark-for-masquerade`,
    ...(service.affinity ? [`update @${affinitySet(service, index)} { ${ip} saddr }`] : []),
    `meta l4proto ${service.protocol} dnat to ${endpoint(address, port)}`,
    '}',
  ];
}

function endpointChains(service: ServicePort, own: Words): string {
  const sets = service.endpoints.map((_, index) => {
    const lifetime = `flags dynamic,timeout; timeout ${affinitySeconds}s`;
    return `set ${affinitySet(service, index)} { type ${own.type}; ${lifetime}; }`;
  });
  const chains = service.endpoints.flatMap((_, index) => endpointChain(service, index, own));
  return [...(service.affinity ? sets : []), ...chains].join('\n  ');
}

function elements(entries: readonly string[]): string {
  return entries.length > 0 ? `elements = { ${entries.join(', ')} }` : '';
}

function ruleset({ family, clusterCIDR, nodeIP, services }: FamilyServices): string {
  const own = words[family];
  const { ip, type } = own;
  const byClusterIP = services.map(
    ({ name, clusterIP, protocol, port }) => `${clusterIP} . ${protocol} . ${port} : goto service-${name}`,
  );
  const byNodePort = services.flatMap(({ name, nodePort, protocol }) =>
    nodePort === undefined ? [] : [`${protocol} . ${nodePort} : goto external-${name}`],
  );
  return `table ${ip} kube-proxy
delete table ${ip} kube-proxy
table ${ip} kube-proxy {
  comment "rules for kube-proxy"
  set cluster-ips { type ${type}; ${elements([...new Set(services.map(({ clusterIP }) => clusterIP))])}; }
  set nodeport-ips { type ${type}; ${elements([nodeIP])}; }
  chain mark-for-masquerade { meta mark set meta mark or ${masqueradeMark}; }
  chain masquerading {
    meta mark & ${masqueradeMark} == 0 return
    meta mark set meta mark xor ${masqueradeMark}
    masquerade fully-random
  }
  chain cluster-ips-check { ${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"; }
  chain filter-forward { type filter hook forward priority filter; ct state new jump cluster-ips-check; }
  chain filter-output { type filter hook output priority filter; ct state new jump cluster-ips-check; }
  ${services.map((service) => endpointChains(service, own)).join('\n  ')}
  ${services.map((service) => serviceChain(service, own, clusterCIDR)).join('\n  ')}
  ${services.map((service) => externalChain(service, own, clusterCIDR)).join('\n  ')}
  map service-ips { type ${type} . inet_proto . inet_service : verdict; ${elements(byClusterIP)}; }
  map service-nodeports { type inet_proto . inet_service : verdict; ${elements(byNodePort)}; }
  chain services {
    ${ip} daddr . meta l4proto . th dport vmap @service-ips
    ${ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain nat-output { type nat hook output priority -100; jump services; }
  chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }
}
`;
}

/** As kube-proxy's mode `nftables`: a table for each family, verdict maps, and sets with a timeout for affinity. */
export const nftables: ServiceProxy = {
  mode: 'nftables',
  sync: async (node, family) => {
    await node.feed(ruleset(family), 'nft', '-f', '-');
  },
  rules: async (node: Namespace) => {
    const tables = Object.values(words).map(({ ip }) =>
      node.run('nft', '-s', 'list', 'table', ip, 'kube-proxy'),
    );
    const text = (await Promise.all(tables)).join('\n');
    return text.replaceAll(/(set affinity-[^{}]*\{[^{}]*?)\s*elements = \{[^}]*\}/g, '$1');
  },
};
