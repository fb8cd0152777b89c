import { parseArgs } from 'node:util';
import { type Address, contains, parseAddress, parseCidr } from '../../conf/family.ts';
import { nearest } from '../../conf/nearest.ts';

/** What a person asks the demo for. */
export interface Options {
  readonly help: boolean;
  /** In the order that was given; empty when none was. */
  readonly nodeIPs: readonly Address[];
}

export const usage = `Usage: npm run demo [-- --node-ip ADDRESS[,ADDRESS]]

Shows on network namespaces what dualstack does for the pods of a node. It needs
root, takes a few seconds, and leaves the machine as it was.

  --node-ip ADDRESS[,ADDRESS]   the node's addresses, one or one of each family,
                                as in kubelet's flag: their order is the pods'
  --help                        this text

Examples:
  npm run demo
  npm run demo -- --node-ip 2001:db8::10,192.0.2.10   IPv6 first`;

/** A request that makes no sense. The message is a sentence for the person who made it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const known = { 'node-ip': { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

/** What kubelet refuses as a node's address: unspecified, loopback, link-local and multicast ones. */
const unusable = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
];

/** Taken by the demo itself: the world's addresses, and those of the pods. */
const taken = ['192.0.2.1/32', '2001:db8::1/128', '10.244.1.0/24', 'fd00:10:244:1::/64'];

function isIn(cidrs: readonly string[], address: Address): boolean {
  return cidrs.map(parseCidr).some((cidr) => cidr !== undefined && contains(cidr, address));
}

function parseNodeIP(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new UsageError(`--node-ip: "${text}" is no IP address.`);
  if (isIn(unusable, address)) throw new UsageError(`--node-ip: a node cannot have ${text}.`);
  if (isIn(taken, address)) throw new UsageError(`--node-ip: ${text} is somebody else's in this demo.`);
  return address;
}

function parseNodeIPs(text: string): Address[] {
  const addresses = text.split(',').map((part) => parseNodeIP(part.trim()));
  const families = new Set(addresses.map(({ family }) => family));
  if (families.size === addresses.length) return addresses;
  throw new UsageError(`--node-ip takes one address, or one of each family: not ${text}.`);
}

function rejectUnknown(tokens: readonly { kind: string; rawName?: string; value?: unknown }[]): void {
  for (const { kind, rawName = '', value } of tokens) {
    if (kind === 'positional') throw new UsageError(`The demo takes no argument "${value}".`);
    const name = rawName.replace(/^-+/, '');
    if (kind !== 'option' || name in known || name === 'h') continue;
    const meant = nearest(name, Object.keys(known));
    throw new UsageError(`There is no option ${rawName}${meant ? `: did you mean --${meant}?` : '.'}`);
  }
}

/** @throws {UsageError} for what the demo does not know, and for what no node has. */
export function parseOptions(args: readonly string[]): Options {
  const { values, tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true });
  rejectUnknown(tokens);
  const nodeIP = values['node-ip'];
  if (nodeIP === true) throw new UsageError('--node-ip needs an address: --node-ip 2001:db8::10,192.0.2.10');
  return {
    help: values.help !== undefined,
    nodeIPs: typeof nodeIP === 'string' ? parseNodeIPs(nodeIP) : [],
  };
}
