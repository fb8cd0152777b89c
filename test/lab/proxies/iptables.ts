import type { Namespace } from '../namespaces.ts';
import {
  affinitySeconds,
  type FamilyServices,
  masqueradeMark,
  type ServicePort,
  type ServiceProxy,
} from './service.ts';

/** The words of iptables for a family. */
const words = {
  IPv4: { tool: 'iptables', bits: 32, endpoint: (address: string, port: number) => `${address}:${port}` },
  IPv6: { tool: 'ip6tables', bits: 128, endpoint: (address: string, port: number) => `[${address}]:${port}` },
} as const;

type Words = (typeof words)[keyof typeof words];

const marked = `${masqueradeMark}/${masqueradeMark}`;

/** The chains that every other rule jumps to. */
const common = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ'];

/** A chain for a Service or one of its endpoints; kube-proxy has a hash where this has the name. */
function chainOf(kind: 'SVC' | 'SVL' | 'EXT' | 'SEP', service: ServicePort, index?: number): string {
  return `KUBE-${kind}-${service.name.toUpperCase()}${index === undefined ? '' : `-${index}`}`;
}

/** One endpoint in turn for each connection, by chance: the first of n with a chance of 1/n, and so on. */
function spread(chain: string, service: ServicePort): string[] {
  const count = service.endpoints.length;
  return service.endpoints.map((_, index) => {
    const chance =
      index === count - 1 ? '' : `-m statistic --mode random --probability ${1 / (count - index)} `;
    return `-A ${chain} ${chance}-j ${chainOf('SEP', service, index)}`;
  });
}

function serviceRules(service: ServicePort, { bits }: Words, clusterCIDR: string): string[] {
  const chain = chainOf('SVC', service);
  const { name, protocol, clusterIP, port } = service;
  const to = `-m ${protocol} -p ${protocol} -d ${clusterIP}/${bits} --dport ${port}`;
  const known = service.endpoints.map((_, index) => {
    const endpoint = chainOf('SEP', service, index);
    return `-A ${chain} -m recent --name ${endpoint} --rcheck --seconds ${affinitySeconds} --reap -j ${endpoint}`;
  });
  return [
    `-A KUBE-SERVICES -m comment --comment "default/${name} cluster IP" ${to} -j ${chain}`,
    `-A ${chain} ! -s ${clusterCIDR} ${to} -j KUBE-MARK-MASQ`,
    ...(service.affinity ? known : []),
    ...spread(chain, service),
  ];
}

function externalRules(service: ServicePort, clusterCIDR: string): string[] {
  const { name, protocol, nodePort } = service;
  if (nodePort === undefined) return [];
  const [external, whole, local] = (['EXT', 'SVC', 'SVL'] as const).map((kind) => chainOf(kind, service));
  const everywhere = [`-A ${external} -j KUBE-MARK-MASQ`, `-A ${external} -j ${whole}`];
  const kept = [
    `-A ${external} -s ${clusterCIDR} -j ${whole}`,
    `-A ${external} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`,
    `-A ${external} -m addrtype --src-type LOCAL -j ${whole}`,
    `-A ${external} -j ${local}`,
    ...spread(local ?? '', service),
  ];
  return [
    `-A KUBE-NODEPORTS -m comment --comment default/${name} -m ${protocol} -p ${protocol} --dport ${nodePort} -j ${external}`,
    ...(service.local ? kept : everywhere),
  ];
}

function endpointRules(service: ServicePort, { bits, endpoint }: Words): string[] {
  return service.endpoints.flatMap(({ address, port }, index) => {
    const chain = chainOf('SEP', service, index);
    const remember = service.affinity ? `-m recent --name ${chain} --set ` : '';
    const to = `-m ${service.protocol} -p ${service.protocol} -j DNAT --to-destination ${endpoint(address, port)}`;
    return [`-A ${chain} -s ${address}/${bits} -j KUBE-MARK-MASQ`, `-A ${chain} ${remember}${to}`];
  });
}

function natTable({ family, clusterCIDR, services }: FamilyServices): string[] {
  const own = words[family];
  const chains = services.flatMap((service) => [
    ...(['SVC', 'SVL', 'EXT'] as const).map((kind) => chainOf(kind, service)),
    ...service.endpoints.map((_, index) => chainOf('SEP', service, index)),
  ]);
  return [
    '*nat',
    ...[...common, ...chains].map((chain) => `:${chain} - [0:0]`),
    '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
    `-A KUBE-POSTROUTING -m mark ! --mark ${marked} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${masqueradeMark}`,
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ...services.flatMap((service) => [
      ...serviceRules(service, own, clusterCIDR),
      ...externalRules(service, clusterCIDR),
      ...endpointRules(service, own),
    ]),
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    'COMMIT',
  ];
}

const filterTable = [
  '*filter',
  ':KUBE-FORWARD - [0:0]',
  '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
  `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark ${marked} -j ACCEPT`,
  '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  'COMMIT',
];

/** The rules of the built-in chains, put there once, before any others. */
const entries = [
  ['nat', 'PREROUTING', 'KUBE-SERVICES'],
  ['nat', 'OUTPUT', 'KUBE-SERVICES'],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING'],
  ['filter', 'FORWARD', 'KUBE-FORWARD'],
] as const;

async function enter(node: Namespace, tool: string): Promise<void> {
  for (const [table, from, to] of entries) {
    const rule = [from, '-j', to];
    const isThere = node.run(tool, '-w', '-t', table, '-C', ...rule);
    await isThere.catch(() => node.run(tool, '-w', '-t', table, '-I', ...rule));
  }
}

/** As kube-proxy's mode `iptables`, over Debian's iptables: a chain for each Service, and the `recent` match for affinity. */
export const iptables: ServiceProxy = {
  mode: 'iptables',
  sync: async (node, family) => {
    const { tool } = words[family.family];
    const text = [...natTable(family), ...filterTable].map((line) => `${line}\n`).join('');
    await node.feed(text, `${tool}-restore`, '-w', '--noflush');
    await enter(node, tool);
  },
  rules: async (node) => {
    const texts = await Promise.all(Object.values(words).map(({ tool }) => node.run(`${tool}-save`)));
    const lines = texts.join('\n').split('\n');
    return lines
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.replace(/\[\d+:\d+\]/, ''))
      .join('\n');
  },
};
