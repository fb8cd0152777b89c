import { rmSync } from 'node:fs';
import { defaultDataDir, parseConfiguration } from '../../../conf/configuration.ts';
import { codes, Failure } from '../../../conf/failure.ts';
import { isName } from '../../../conf/name.ts';
import { jsonText, printable } from '../../../conf/printable.ts';
import { capabilities } from '../../../conf/runtime.ts';
import { poolsOf } from '../../../ipam/pool.ts';
import { preferenceOf } from '../../../ipam/preference.ts';
import { contentOf } from '../../../ipam/store/files.ts';
import { type Command, confDirFlag, type Report, type ToolHost, type Typed } from '../engine/command.ts';
import { guarded, keepBackup, replaceText } from '../install/replace.ts';
import {
  type Candidate,
  candidatesIn,
  defaultFileName,
  ownPlugin,
  ownType,
  parseNetworkFile,
} from './conflist.ts';
import { type NodeFacts, parseNode } from './node-object.ts';

/** What the file is to say; all as it was typed. */
export interface Wish extends NodeFacts {
  readonly network: string;
  readonly cniVersion: string;
  readonly clusterCIDRs: readonly string[];
  readonly ipFamilies: readonly string[];
  readonly mtu: string | undefined;
  readonly dataDir: string | undefined;
}

function unlessEmpty(key: string, list: readonly string[]): Record<string, readonly string[]> {
  return list.length > 0 ? { [key]: list } : {};
}

/** What is to be written, and which families pods get by it. */
interface Conflist {
  readonly text: string;
  readonly ipFamilies: readonly string[];
}

/** A conflist for the wish; checked as a call of the plugin would check it. @throws {Failure} code 7. */
export function conflistFor(wish: Wish, path: string): Conflist {
  const plugin = {
    type: ownType,
    podCIDRs: wish.podCIDRs,
    ...unlessEmpty('nodeIPs', wish.nodeIPs),
    ...unlessEmpty('clusterCIDRs', wish.clusterCIDRs),
    ...unlessEmpty('ipFamilies', wish.ipFamilies),
    // What is no number stays text, for the schema to refuse: NaN would be written as null, which says nothing.
    ...(wish.mtu !== undefined && { mtu: /^\d+$/.test(wish.mtu) ? Number(wish.mtu) : wish.mtu }),
    ...(wish.dataDir !== undefined && { dataDir: wish.dataDir }),
    capabilities: Object.fromEntries(capabilities.map((name) => [name, true])),
  };
  const list = { cniVersion: wish.cniVersion, name: wish.network, plugins: [plugin] };
  const text = `${jsonText(list, 2)}\n`;
  const own = ownPlugin(parseNetworkFile(path, text));
  const configuration = parseConfiguration(own ?? {});
  const { pools } = preferenceOf(configuration, poolsOf(configuration));
  return { text, ipFamilies: pools.map(({ family }) => family.name) };
}

/** A flag replaces the value of the Node object. */
function nodeFacts(typed: Typed, host: ToolHost): NodeFacts {
  const [podCIDRs, nodeIPs] = [typed.list('pod-cidr'), typed.list('node-ip')];
  const { argument } = typed;
  if (argument === undefined) {
    if (podCIDRs.length > 0) return { podCIDRs, nodeIPs };
    throw new Failure(codes.configuration, 'which podCIDRs? There is no --pod-cidr, and no Node object', {
      details: 'kubectl get node NAME -o json | dualstack init -',
    });
  }
  const text = argument === '-' ? host.readInput() : contentOf(argument);
  if (text === undefined)
    throw new Failure(codes.io, `read the Node object ${argument}: there is no such file`, {
      details: 'name a file, or "-" for the standard input',
    });
  const node = parseNode(text, typed.text('node-name'));
  return {
    podCIDRs: podCIDRs.length > 0 ? podCIDRs : node.podCIDRs,
    nodeIPs: nodeIPs.length > 0 ? nodeIPs : node.nodeIPs,
  };
}

function isOurs({ file }: Candidate): boolean {
  return file !== undefined && ownPlugin(file) !== undefined;
}

function rejectForeign(path: string, there: readonly Candidate[]): void {
  const occupant = there.find((candidate) => candidate.path === path);
  if (!occupant || isOurs(occupant)) return;
  throw new Failure(codes.configuration, `write ${path}: a file that is not ours has this name`, {
    details: 'give another name with --file, or move that file away',
  });
}

/** What was done, for a person and for `--json`. */
interface Written {
  readonly path: string;
  readonly backups: readonly string[];
  /** Files that come first in lexical order, so that the runtime uses one of them. */
  readonly stronger: readonly string[];
  /** Which families pods get, in their order. */
  readonly ipFamilies: readonly string[];
}

/** Others of ours would come up again when this one goes: they are kept as backups, which no runtime reads. */
function write(path: string, { text, ipFamilies }: Conflist, folder: string): Written {
  const there = candidatesIn(folder);
  rejectForeign(path, there);
  const ours = there.filter(isOurs);
  const changed = ours.filter((candidate) => candidate.path !== path || contentOf(path) !== text);
  const backups = changed.map((candidate) => keepBackup(candidate.path));
  replaceText(path, text);
  for (const other of ours.filter((candidate) => candidate.path !== path)) {
    guarded(`remove ${other.path}`, () => rmSync(other.path, { force: true }));
  }
  const stronger = there.filter((candidate) => !isOurs(candidate) && candidate.path < path);
  return { path, backups, stronger: stronger.map((candidate) => candidate.path), ipFamilies };
}

/** Half of what a dual-stack plugin is for may be missing by a slip. */
function singleStack(ipFamilies: readonly string[]): string[] {
  if (ipFamilies.length > 1) return [];
  return [
    `single-stack: pods get ${ipFamilies.join()} addresses alone; a podCIDR of each family gives them both`,
  ];
}

function textOf({ path, backups, stronger, ipFamilies }: Written): string {
  return [
    `wrote ${path}`,
    ...singleStack(ipFamilies),
    ...backups.map((backup) => `kept what was there: ${backup}`),
    ...stronger.map(
      (other) => `warning: the runtime uses ${other}, which comes first: move it out of the folder`,
    ),
  ]
    .map(printable)
    .join('\n');
}

function fileName(typed: Typed): string {
  const name = typed.text('file') ?? '';
  if (isName(name) && name.endsWith('.conflist')) return name;
  throw new Failure(codes.configuration, `--file must be a name that ends in .conflist, not "${name}"`, {
    details: 'the folder is what --conf-dir says',
  });
}

function act(typed: Typed, host: ToolHost): Report {
  const folder = typed.text('conf-dir') ?? '';
  const path = `${folder}/${fileName(typed)}`;
  const wish: Wish = {
    ...nodeFacts(typed, host),
    network: typed.text('name') ?? '',
    cniVersion: typed.text('cni-version') ?? '',
    clusterCIDRs: typed.list('cluster-cidr'),
    ipFamilies: typed.list('ip-families'),
    mtu: typed.text('mtu'),
    dataDir: typed.text('data-dir'),
  };
  const conflist = conflistFor(wish, path);
  const { text } = conflist;
  if (typed.isSet('dry-run')) return { status: 0, json: JSON.parse(text), text: text.trimEnd() };
  const written = write(path, conflist, folder);
  return { status: 0, json: written, text: textOf(written) };
}

export const init: Command = {
  name: 'init',
  summary: 'write the network configuration of this node',
  argument: {
    name: 'node',
    isRequired: false,
    summary: 'a Node, or a list, as JSON or YAML: a file, or "-" for the standard input',
  },
  flags: [
    {
      name: 'pod-cidr',
      value: 'cidrs',
      isList: true,
      summary: "the node's podCIDRs, in the order of the Node object",
    },
    {
      name: 'node-ip',
      value: 'addresses',
      isList: true,
      summary: "the node's addresses; the family of the first one comes first",
    },
    {
      name: 'cluster-cidr',
      value: 'cidrs',
      isList: true,
      summary: "the cluster's pod ranges, which pods reach without masquerade",
    },
    {
      name: 'ip-families',
      value: 'names',
      isList: true,
      summary: 'IPv4, IPv6 or both, in the order of the pod IPs',
    },
    { name: 'node-name', value: 'name', summary: 'which Node of a list' },
    { name: 'mtu', value: 'bytes', summary: 'MTU of the pods (default: the MTU of the uplink)' },
    { name: 'data-dir', value: 'folder', summary: `the folder of the leases (default: ${defaultDataDir})` },
    { name: 'name', value: 'network', default: 'pods', summary: 'name of the network' },
    {
      name: 'cni-version',
      value: 'version',
      default: '1.0.0',
      summary: 'CNI version of the configuration',
    },
    { name: 'file', value: 'name', default: defaultFileName, summary: 'name of the file' },
    confDirFlag,
    { name: 'dry-run', summary: 'print the file, and write nothing' },
  ],
  examples: [
    ['dualstack init --pod-cidr 10.244.1.0/24,fd00:10:244:1::/64', 'IPv4 first, like the podCIDRs'],
    [
      'kubectl get node NAME -o json | dualstack init -',
      'with the podCIDRs and addresses that the cluster has',
    ],
    [
      'dualstack init --pod-cidr 10.244.1.0/24,fd00:10:244:1::/64 --dry-run',
      'print the file instead of writing it',
    ],
    ['kubectl get nodes -o yaml | dualstack init --node-name NAME -', 'the same out of a list, as YAML'],
  ],
  act,
};
