import { parseAddress } from '../../../conf/family.ts';
import { digestOf } from '../../../ipam/attachment.ts';
import type { KnownAttachment } from '../../../ipam/store/disk.ts';
import type { Attachment } from '../../../ipam/store/store.ts';
import { isNamespace } from '../../../netns/link/namespace.ts';
import { candidateNames, hostEndPrefix } from '../../../netns/link/naming.ts';
import type { Run } from '../../../netns/process/exec.ts';
import { ipQuery } from '../../../netns/process/ip.ts';
import type { Network } from '../engine/networks.ts';

/** A link as `ip -json link show` tells it. */
export interface HostLink {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly ifalias?: string;
}

/** What one attachment has, and what is wrong with it. */
export interface Holding {
  readonly attachment: Attachment;
  /** Canonical text, IPv4 first. */
  readonly addresses: readonly string[];
  readonly netns: string | undefined;
  readonly link: HostLink | undefined;
  /** Its name, `default/web-0`. */
  readonly pod: string | undefined;
  readonly since: Date | undefined;
  readonly problems: readonly Problem[];
}

export type ProblemKind =
  | 'no interface'
  | 'foreign'
  | 'no namespace'
  | 'one family'
  | 'duplicate'
  | 'no address';

export interface Problem {
  readonly kind: ProblemKind;
  /** For a person. */
  readonly text: string;
}

/** A network with all that it holds. */
export interface Inventory {
  readonly network: Network;
  readonly holdings: readonly Holding[];
  /** Files of the store that have the name of an address and are no lease: empty, torn, or another's. */
  readonly unreadable: readonly string[];
}

/** All host ends on this host. */
export async function hostEnds(run: Run): Promise<HostLink[]> {
  const links = (await ipQuery(run, 'host', 'list the host ends', ['link show type veth'])) as HostLink[];
  return links.filter(({ ifname }) => ifname.startsWith(hostEndPrefix));
}

function linkOf(attachment: Attachment, links: ReadonlyMap<string, HostLink>): HostLink | undefined {
  for (const { hostEnd, hostMac } of candidateNames(attachment)) {
    const link = links.get(hostEnd);
    if (link?.address === hostMac) return link;
  }
  return undefined;
}

function inOrder(addresses: readonly string[]): string[] {
  const bits = (address: string) => parseAddress(address)?.family.bits ?? 0;
  return [...addresses].sort((a, b) => bits(a) - bits(b));
}

/** A lease of an old host-local names no interface: it is shown with one of its container's, or alone. */
function addressesByAttachment(network: Network, known: readonly KnownAttachment[]): Map<string, string[]> {
  const byContainer = new Map(known.map(({ attachment }) => [attachment.containerID, attachment]));
  const byDigest = new Map<string, string[]>();
  for (const { address, attachment } of network.store.list()) {
    const owner =
      attachment.ifname === '' ? (byContainer.get(attachment.containerID) ?? attachment) : attachment;
    const digest = digestOf(owner);
    byDigest.set(digest, [...(byDigest.get(digest) ?? []), address]);
  }
  return byDigest;
}

/** What problems are judged by. */
interface Evidence {
  readonly network: Network;
  readonly addresses: readonly string[];
  readonly netns: string | undefined;
  readonly link: HostLink | undefined;
  /** Names of other networks that have leased one of these addresses, too. */
  readonly rivals: readonly string[];
}

function familiesOf(addresses: readonly string[]): string[] {
  return addresses.flatMap((address) => parseAddress(address)?.family.name ?? []);
}

function missingFamilies({ network, addresses }: Evidence): string[] {
  const has = familiesOf(addresses);
  const wanted = (network.preference?.pools ?? []).map(({ family }) => family.name);
  return wanted.filter((name) => !has.includes(name));
}

/** Whose namespace nobody told us was not added by us: host-local's leases are such. */
function withoutLink(netns: string | undefined): Problem {
  return netns === undefined
    ? { kind: 'foreign', text: 'no interface of ours: another plugin wired it, or it is gone' }
    : { kind: 'no interface', text: 'no interface: its host end is gone' };
}

/** Only what is known to be wrong: a link is not missed where another plugin wires the pods. */
export function judge(evidence: Evidence): Problem[] {
  const { addresses, netns, link, network, rivals } = evidence;
  if (addresses.length === 0) {
    return [{ kind: 'no address', text: 'no address: its ADD is under way, or was killed' }];
  }
  const missing = missingFamilies(evidence);
  const families = familiesOf(addresses);
  const doubled = families.filter((name, index) => families.indexOf(name) !== index);
  return [
    ...(link || network.isWired !== true ? [] : [withoutLink(netns)]),
    ...(netns === undefined || isNamespace(netns)
      ? []
      : [{ kind: 'no namespace' as const, text: `no namespace: ${netns} is gone` }]),
    ...(missing.length > 0
      ? [{ kind: 'one family' as const, text: `one family only: no ${missing.join(' and ')} address` }]
      : []),
    ...doubled.map((name) => ({
      kind: 'duplicate' as const,
      text: `duplicate: more than one ${name} address`,
    })),
    ...rivals.map((name) => ({
      kind: 'duplicate' as const,
      text: `duplicate: network ${name} has leased it, too`,
    })),
  ];
}

function sinceOf(network: Network, addresses: readonly string[]): Date | undefined {
  const times = addresses.flatMap((address) => network.store.takenAt(address) ?? []);
  return times.sort((a, b) => a.getTime() - b.getTime())[0];
}

function rivalsOf(network: Network, addresses: readonly string[], all: readonly Network[]): string[] {
  const others = all.filter((other) => other !== network);
  return others
    .filter(({ store }) => addresses.some((address) => store.holderOf(address) !== undefined))
    .map(({ name }) => name);
}

function inventoryOf(
  network: Network,
  all: readonly Network[],
  links: ReadonlyMap<string, HostLink>,
): Inventory {
  const known = network.store.known();
  const byDigest = addressesByAttachment(network, known);
  const shown = known.filter(
    ({ attachment }) => attachment.ifname !== '' || byDigest.has(digestOf(attachment)),
  );
  const holdings = shown.map(({ attachment, netns, pod }) => {
    const addresses = inOrder(byDigest.get(digestOf(attachment)) ?? []);
    const link = linkOf(attachment, links);
    const rivals = rivalsOf(network, addresses, all);
    const problems = judge({ network, addresses, netns, link, rivals });
    // What was added before the store kept names has the link's alias, which is cut.
    const name = pod ?? link?.ifalias;
    return { attachment, addresses, netns, link, pod: name, since: sinceOf(network, addresses), problems };
  });
  const unreadable = [...network.store.taken()].filter((address) => !network.store.holderOf(address));
  return { network, holdings, unreadable };
}

/** What the stores hold, and the host ends that no lease belongs to. */
export interface Stock {
  readonly inventories: readonly Inventory[];
  readonly orphans: readonly HostLink[];
}

/** @throws {Failure} when `ip` does not answer. */
export async function takeStock(run: Run, networks: readonly Network[]): Promise<Stock> {
  const ends = await hostEnds(run);
  const links = new Map(ends.map((link) => [link.ifname, link]));
  const inventories = networks.map((network) => inventoryOf(network, networks, links));
  const owned = new Set(inventories.flatMap(({ holdings }) => holdings.map(({ link }) => link?.ifname)));
  return { inventories, orphans: ends.filter(({ ifname }) => !owned.has(ifname)) };
}
