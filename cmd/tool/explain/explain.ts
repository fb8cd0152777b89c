import { type Configuration, parseConfiguration } from '../../../conf/configuration.ts';
import { codes, Failure } from '../../../conf/failure.ts';
import { type Family, formatAddress, formatCidr } from '../../../conf/family.ts';
import { parseRuntimeConfig } from '../../../conf/runtime.ts';
import { allocate, type Lease } from '../../../ipam/allocate.ts';
import { describePool, poolsOf } from '../../../ipam/pool.ts';
import { type Preference, preferenceOf } from '../../../ipam/preference.ts';
import type { Attachment } from '../../../ipam/store/store.ts';
import { egressChain } from '../../../netns/firewall/egress.ts';
import { elementsOf } from '../../../netns/firewall/elements.ts';
import { words } from '../../../netns/firewall/table.ts';
import { addElement, declare } from '../../../netns/firewall/transaction.ts';
import { forwardingSwitch, isForwarding, runsIPv6 } from '../../../netns/host/host.ts';
import { candidateNames } from '../../../netns/link/naming.ts';
import {
  hostEndSysctls,
  planHost,
  plannedRoutes,
  planPod,
  quietSysctls,
  type Wiring,
} from '../../../netns/link/plan.ts';
import { openStore } from '../../cni/call.ts';
import { linkMtu, routesOf } from '../../verbs/add.ts';
import { footprintOf, protectionOf } from '../../verbs/firewall.ts';
import { type Command, confDirFlag, type Report, type ToolHost, type Typed } from '../engine/command.ts';
import { hanging, paint, type Screen } from '../engine/screen.ts';
import { candidatesIn, type NetworkFile, ownPlugin, readNetworkFile } from '../init/conflist.ts';
import { PreviewStore } from './preview.ts';

/** Names and MAC addresses come from the attachment: shown are those of this one. */
const example: Attachment = { containerID: 'example', ifname: 'eth0' };

/** A heading, and what stands below it. */
interface Section {
  readonly key: string;
  readonly title: string;
  readonly lines: readonly string[];
}

/** Why the families are in this order: the rule of ipam/preference.ts, in words. */
function orderReason(configuration: Configuration): string {
  const { ipFamilies, nodeIPs, ipFamilyPolicy } = configuration;
  const policy = ipFamilyPolicy ? `; ipFamilyPolicy is ${ipFamilyPolicy}` : '';
  if (ipFamilies) return `ipFamilies says so${policy}`;
  if (nodeIPs[0]) return `the order of nodeIPs, which begin with ${formatAddress(nodeIPs[0])}${policy}`;
  return `the order of ${configuration.ranges?.length ? 'ranges' : 'podCIDRs'}${policy}`;
}

function familyLines(configuration: Configuration, { pools, lenient }: Preference): string[] {
  const names = pools.map(({ family }) => family.name);
  const lack = lenient
    ? 'a pod without one of them starts all the same'
    : 'a pod gets all of them, or an error';
  return [
    `${names.join(', then ')}: ${orderReason(configuration)}`,
    ...(names.length > 1
      ? [`the first is the pod IP, unless kubelet's node IP is of the other family; ${lack}`]
      : []),
  ];
}

function addressLines(lease: Lease, { pools }: Preference): string[] {
  const given = lease.addresses.map(
    ({ address, gateway }) =>
      `${formatAddress(address)}/${address.family.bits} through ${formatAddress(gateway)}`,
  );
  return [...given, ...pools.map((pool) => `out of ${describePool(pool)}`), ...lease.warnings];
}

function routeLines(wiring: Wiring): string[] {
  return plannedRoutes(wiring).map(
    ({ dst, gw }) => formatCidr(dst) + (gw ? ` via ${formatAddress(gw)}` : ''),
  );
}

/**
 * Which source address the other end sees, by destination, from a rule of our own:
 *
 *     ip daddr != { 10.244.1.0/24, 224.0.0.0/4 } masquerade fully-random
 */
function sourceLines(family: Family, rules: readonly string[]): string[] {
  const rule = rules.find((each) => each.startsWith(`${words[family.name]} daddr`));
  const [, kept] = / daddr != \{ ([^}]*) \} masquerade/.exec(rule ?? '') ?? [];
  if (kept === undefined) return [`${family.name}: the pod's own address, to everywhere`];
  return [`${family.name}: the pod's own address to ${kept}; the node's to everywhere else`];
}

/** What this pod gets in the table. */
function tableSections(configuration: Configuration, lease: Lease, wiring: Wiring): Section[] {
  const protection = protectionOf({ configuration, runtimeConfig: parseRuntimeConfig({}) }, lease.addresses);
  const chain = egressChain(protection.egress);
  const chains = protection.egress.families.length > 0 ? [chain] : [];
  const elements = elementsOf(footprintOf(wiring.names, protection));
  return [
    {
      key: 'sources',
      title: 'Which address the other end sees',
      lines: protection.addresses.flatMap(({ family }) => sourceLines(family, chain.rules)),
    },
    {
      key: 'table',
      title: 'In nftables, unless it is there: nft -f -',
      lines: [...declare(chains), ...elements.map(addElement)].map(({ line }) => line),
    },
  ];
}

function switchLines(configuration: Configuration, wiring: Wiring): string[] {
  const families = wiring.addresses.map(({ address }) => address.family);
  const off = families.filter((family) => !isForwarding(family)).map(({ name }) => forwardingSwitch[name]);
  const verb = configuration.sysctls ? 'would be set to 1' : 'is 0, and sysctls is false: pods reach nothing';
  return [
    ...off.map((path) => `${path} ${verb}`),
    ...hostEndSysctls(wiring).map(([path, value]) => `${path} to ${value}`),
    ...quietSysctls(wiring, wiring.ifname, true).map((path) => `${path} to 0, in the pod`),
  ];
}

function wiringFor(configuration: Configuration, lease: Lease): Wiring {
  const [names] = candidateNames(example);
  if (!names) throw new Failure(codes.internal, 'name the pair: there are no names');
  const families = lease.addresses.map(({ address }) => address.family);
  const mtu = linkMtu(configuration.mtu, families);
  return {
    names,
    ifname: example.ifname,
    mtu,
    ipv6: runsIPv6(mtu),
    alias: 'namespace/pod',
    addresses: lease.addresses,
    routes: routesOf(configuration, lease).routes,
    podCIDRs: configuration.podCIDRs,
    guarded: configuration.spoofCheck,
  };
}

function explained(configuration: Configuration): Section[] {
  const preference = preferenceOf(configuration, poolsOf(configuration));
  const lease = allocate(preference, new PreviewStore(openStore(configuration)), example);
  const wiring = wiringFor(configuration, lease);
  return [
    { key: 'families', title: 'Families', lines: familyLines(configuration, preference) },
    { key: 'addresses', title: 'Next addresses', lines: addressLines(lease, preference) },
    { key: 'routes', title: 'Routes of the pod', lines: routeLines(wiring) },
    ...tableSections(configuration, lease, wiring),
    { key: 'switches', title: 'Switches under /proc/sys', lines: switchLines(configuration, wiring) },
    { key: 'host', title: 'On the host: ip -batch -', lines: planHost(wiring) },
    { key: 'pod', title: "In the pod's namespace: ip -batch -", lines: planPod(wiring) },
  ];
}

/** Whether the addresses are another plugin's to give: nobody can know them before. */
function delegated(type: string): Section[] {
  const line = `IPAM plugin ${type} gives them: only it knows which`;
  return [{ key: 'addresses', title: 'Next addresses', lines: [line] }];
}

function sectionsOf(file: NetworkFile): Section[] {
  const plugin = ownPlugin(file);
  if (!plugin)
    throw new Failure(codes.configuration, `explain ${file.path}: it has no plugin of type dualstack`, {
      details: 'write one that has with "dualstack init"',
    });
  const configuration = parseConfiguration(plugin);
  const type = configuration.ipam?.type;
  const names = file.plugins.map((each) => each['type']);
  const chain = { key: 'plugins', title: 'Plugins, in this order', lines: [names.join(', ')] };
  return [chain, ...(type === undefined ? explained(configuration) : delegated(type))];
}

/** The file that the runtime would use. */
function chosen(folder: string): NetworkFile {
  const [first] = candidatesIn(folder);
  if (first?.file) return first.file;
  throw new Failure(
    codes.configuration,
    `explain what is in ${folder}: ${first?.problem ?? 'there is no network configuration'}`,
    {
      details: 'write one with "dualstack init"',
    },
  );
}

function textOf(screen: Screen, file: NetworkFile, sections: readonly Section[]): string {
  const heading = `What would happen to the next pod, by network ${file.name} of ${file.path}. Nothing was done.`;
  const blocks = sections.map(({ title, lines }) =>
    [paint(screen, 'bold', title), ...lines.map((line) => hanging(screen, '  ', line, 4))].join('\n'),
  );
  return [hanging(screen, '', heading), ...blocks].join('\n\n');
}

function act(typed: Typed, host: ToolHost): Report {
  const { argument } = typed;
  const file = argument === undefined ? chosen(typed.text('conf-dir') ?? '') : readNetworkFile(argument);
  const sections = sectionsOf(file);
  const json = {
    file: file.path,
    network: file.name,
    ...Object.fromEntries(sections.map(({ key, lines }) => [key, lines])),
  };
  return { status: 0, json, text: textOf(host.screen, file, sections) };
}

export const explain: Command = {
  name: 'explain',
  summary: 'show what the next pod would get, without adding it',
  argument: {
    name: 'conflist',
    isRequired: false,
    summary: 'a network configuration (default: the one that the runtime uses)',
  },
  flags: [confDirFlag],
  examples: [
    ['dualstack explain', 'with the configuration that the runtime uses'],
    ['dualstack explain ./10-dualstack.conflist', 'with another one, before you install it'],
  ],
  act,
};
