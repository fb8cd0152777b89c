import type { Configuration } from '../conf/configuration.ts';
import { codes, Failure, reason } from '../conf/failure.ts';
import { type Cidr, formatAddress, sizeOf } from '../conf/family.ts';
import { parseRuntimeConfig, type RuntimeConfig } from '../conf/runtime.ts';
import type { LeasedAddress } from '../ipam/allocate.ts';
import { digestOf } from '../ipam/attachment.ts';
import { readBootID } from '../ipam/boot.ts';
import type { DiskStore } from '../ipam/disk.ts';
import { entriesOfAllNetworks, type NetworkEntry } from '../ipam/lease-index.ts';
import type { Attachment } from '../ipam/store.ts';
import { forgetConnections } from '../netns/conntrack.ts';
import { inspectTable, install, PortInUse, uninstall, type Wanted } from '../netns/firewall.ts';
import { type Footprint, formatFootprint, type HostPort, parseFootprint } from '../netns/footprint.ts';
import { setSysctl, tracksConnections } from '../netns/host.ts';
import { ipQuery } from '../netns/ip.ts';
import { isProvablyDead, linkExists } from '../netns/liveness.ts';
import { candidateNames, type PairNames } from '../netns/naming.ts';
import { isMissing } from '../netns/nft.ts';
import { type Egress, planNetwork } from '../netns/nft-masquerade.ts';
import type { Wiring } from '../netns/plan.ts';
import { hostPortsOf } from './ports.ts';
import { type Host, openStore, type Request } from './request.ts';
import type { Undo } from './undo.ts';

function networkOf({ address, prefix }: LeasedAddress): Cidr {
  const size = sizeOf(address.family, prefix);
  return { family: address.family, base: address.value - (address.value % size), prefix };
}

/** @param delegated where the addresses are that another plugin gave; undefined when the pools are ours. */
function egressOf(
  configuration: Configuration,
  runtimeConfig: RuntimeConfig,
  delegated: readonly Cidr[] | undefined,
): Egress {
  const { name, ipMasq, podCIDRs, clusterCIDRs, nonMasqueradeCIDRs } = configuration;
  const ranges = [...(configuration.ranges ?? []), ...(runtimeConfig.ipRanges ?? [])].flat();
  const own = [...podCIDRs, ...ranges.map(({ subnet }) => subnet)];
  return {
    network: name,
    ipMasq,
    podRanges: delegated ?? own,
    exempt: [...podCIDRs, ...clusterCIDRs, ...nonMasqueradeCIDRs],
    delegated: delegated !== undefined,
  };
}

/** Whether pods of this configuration, or this one of them, cannot do without nft. */
export function needsNft(configuration: Configuration, footprint?: Footprint, egress?: Egress): boolean {
  if (configuration.spoofCheck || (footprint?.ports.length ?? 0) > 0) return true;
  const { blocks } = planNetwork(egress ?? egressOf(configuration, parseRuntimeConfig({}), undefined));
  return blocks.length > 0;
}

function parseFootprints(records: readonly string[]): Footprint[] {
  return records.flatMap((record) => parseFootprint(record) ?? []);
}

/** Everybody who has a host end: an ADD that is under way sees to its own. */
function alive(dataDir: string): Footprint[] {
  const entries = entriesOfAllNetworks(dataDir, readBootID());
  const footprints = parseFootprints(entries.flatMap(({ records }) => records));
  return footprints.filter(({ hostEnd }) => linkExists(hostEnd));
}

/** Whose an address is, in whatever network. */
function holderOf(address: string, dataDir: string): NetworkEntry | undefined {
  const has = (footprint: Footprint) => footprint.addresses.some((own) => formatAddress(own) === address);
  const entries = entriesOfAllNetworks(dataDir, readBootID());
  return entries.find(({ records }) => parseFootprints(records).some(has));
}

/** `default/web-0 (container 4a1f…, interface eth0)` */
async function describe(attachment: Attachment, host: Host): Promise<string> {
  const questions = candidateNames(attachment).map(({ hostEnd }) => `link show dev ${hostEnd}`);
  const links = await ipQuery(host.run, 'host', 'look for the holder of a host port', questions);
  const alias = (links as { ifalias?: string }[]).find(({ ifalias }) => ifalias)?.ifalias;
  const which = `container ${attachment.containerID}, interface ${attachment.ifname}`;
  return alias ? `${alias} (${which})` : which;
}

/** Where footprints are removed from: the store that noted them, and for which attachment. */
interface Noted {
  readonly store: DiskStore;
  readonly attachment: Attachment;
}

/**
 * Those who have the addresses of footprints by now: a lease may be lost, and given anew, before its former owner's
 * DEL comes.
 */
function successors(footprints: readonly Footprint[], { store, attachment }: Noted): Footprint[] {
  const addresses = footprints.flatMap((footprint) => footprint.addresses).map(formatAddress);
  const holders = addresses.flatMap((address) => store.holderOf(address) ?? []);
  const others = holders.filter((holder) => digestOf(holder) !== digestOf(attachment));
  return parseFootprints(others.flatMap((holder) => store.recordsOf(holder).records));
}

/** Removes what there is in the kernel beside a link: elements, then the connections that went by them. */
async function removeFootprints(footprints: readonly Footprint[], noted: Noted, host: Host): Promise<void> {
  if (footprints.length === 0) return;
  const operation = `unprotect ${nameOf(noted.attachment)}`;
  const kept = successors(footprints, noted);
  await uninstall(host.run, operation, footprints, kept);
  await forget(footprints, kept, noted, host);
}

/** Has the kernel forget the connections of footprints. What it keeps is no reason to keep the pod. */
async function forget(
  footprints: readonly Footprint[],
  kept: readonly Footprint[],
  { store, attachment }: Noted,
  host: Host,
): Promise<void> {
  // conntrack looks through the whole table for each question, which takes it 7 ms or more, also when it is empty.
  if (!tracksConnections()) return;
  const theirs = new Set(kept.flatMap(({ addresses }) => addresses).map(formatAddress));
  const all = footprints.flatMap(({ addresses }) => addresses);
  const own = new Map(all.map((address) => [formatAddress(address), address]));
  const addresses = [...own].filter(([text]) => !theirs.has(text)).map(([, address]) => address);
  try {
    const write = (text: string) => store.lend(attachment, text);
    await forgetConnections(host.run, `forget connections of ${nameOf(attachment)}`, addresses, write);
  } catch (error) {
    if (error instanceof Failure && error.code === codes.tryAgain) throw error;
    const hasPorts = footprints.some(({ ports }) => ports.length > 0);
    if (hasPorts || !isMissing(error))
      host.warn(`${reason(error)}: packets of known connections may go on to a pod that is gone`);
  }
}

/** What an attachment is to have in the table, but for its link's names, which wiring decides. */
export interface Protection {
  readonly attachment: Attachment;
  readonly configuration: Configuration;
  readonly egress: Egress;
  readonly ports: readonly HostPort[];
}

/**
 * What the configuration and the runtime ask of the table.
 *
 * @throws {Failure} as `hostPortsOf`.
 */
export function protectionOf(
  attachment: Attachment,
  configuration: Configuration,
  runtimeConfig: RuntimeConfig,
  obtained: { readonly addresses: readonly LeasedAddress[]; readonly result?: unknown },
): Protection {
  const delegated = obtained.result === undefined ? undefined : obtained.addresses.map(networkOf);
  const addresses = obtained.addresses.map(({ address }) => address);
  return {
    attachment,
    configuration,
    egress: egressOf(configuration, runtimeConfig, delegated),
    ports: hostPortsOf(runtimeConfig.portMappings, addresses),
  };
}

function footprintOf({ names, addresses }: Wiring, { configuration, egress, ports }: Protection): Footprint {
  return {
    hostEnd: names.hostEnd,
    mac: names.podMac,
    addresses: addresses.map(({ address }) => address),
    ranges: egress.delegated ? egress.podRanges : [],
    guarded: configuration.spoofCheck,
    ports,
  };
}

/** Both at once. One that fails leaves the other to its end: what it did is then known, and can be undone. */
export async function together<T>(one: Promise<T>, other: Promise<unknown>): Promise<T> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return first.value;
}

/**
 * Wires an attachment and puts it into the table meanwhile, under the names that it will most probably have.
 *
 * @param plan the wiring for given names.
 * @throws {Failure} as `wire` and `protect`; what was done is on the undo stack.
 */
export async function wireProtected(
  wire: () => Promise<Wiring>,
  plan: (names: PairNames) => Wiring,
  protection: Protection,
  host: Host,
  undo: Undo,
): Promise<Wiring> {
  const likely = candidateNames(protection.attachment).find(({ hostEnd }) => !linkExists(hostEnd));
  const early = likely && footprintOf(plan(likely), protection);
  // Begun first: wiring lets nothing else begin between its steps.
  const protecting = early ? protect(early, protection, host, undo) : Promise.resolve();
  const wiring = await together(wire(), protecting);
  const footprint = footprintOf(wiring, protection);
  if (footprint.hostEnd !== early?.hostEnd) await protect(footprint, protection, host, undo);
  if (protection.configuration.sysctls) openLoopback(footprint);
  return wiring;
}

function nameOf({ containerID, ifname }: Attachment): string {
  return `${ifname} of container ${containerID}`;
}

/**
 * Puts an attachment into the table: its source check, its host ports, and its network's masquerading. Before that,
 * what it inherited from the dead goes.
 *
 * @throws {Failure} as `install`; a missing nft is no error when nothing was asked for.
 */
async function protect(footprint: Footprint, protection: Protection, host: Host, undo: Undo): Promise<void> {
  const { attachment, configuration, egress } = protection;
  const { dataDir } = configuration;
  const store = openStore(configuration);
  const operation = `protect ${nameOf(attachment)}`;
  const inherited = parseFootprints(store.recordsOf(attachment).inherited);
  if (inherited.length > 0) {
    await removeFootprints(inherited, { store, attachment }, host);
    store.settle(attachment);
  }
  store.record(attachment, formatFootprint(footprint));
  undo.push('remove the firewall elements', () => removeFootprints([footprint], { store, attachment }, host));
  const wanted = { network: planNetwork(egress), footprint, others: () => alive(dataDir) };
  try {
    await installOrInherit(operation, wanted, dataDir, host);
  } catch (error) {
    if (!isMissing(error) || needsNft(configuration, footprint, egress)) throw error;
    host.warn('nft is not installed: router advertisements from pods are not dropped');
  }
}

/**
 * A host port that leads to a pod that is provably dead is taken over: its DEL never came, and the same pod may be
 * what starts anew.
 *
 * @param buried whose ports were taken over so far: nobody's are twice.
 */
async function installOrInherit(
  operation: string,
  wanted: Wanted,
  dataDir: string,
  host: Host,
  buried: readonly string[] = [],
): Promise<void> {
  try {
    await install(host.run, operation, wanted);
  } catch (error) {
    if (!(error instanceof PortInUse) || error.target === undefined) throw error;
    const holder = holderOf(error.target, dataDir);
    if (!holder) throw error;
    const { attachment, network, netns } = holder;
    const name = digestOf(attachment);
    if (!isProvablyDead(attachment, netns) || buried.includes(name)) {
      const which = `${error.message} of ${await describe(attachment, host)}`;
      throw new Failure(error.code, which, { details: error.details, cause: error });
    }
    const store = openStore({ dataDir, name: network });
    await unprotect(store, attachment, host);
    store.release(attachment);
    await installOrInherit(operation, wanted, dataDir, host, [...buried, name]);
  }
}

/** Takes the attachment's elements out of the table, and has the kernel forget its connections. */
export async function unprotect(store: DiskStore, attachment: Attachment, host: Host): Promise<void> {
  const { records, inherited } = store.recordsOf(attachment);
  const footprints = parseFootprints([...records, ...inherited]);
  await removeFootprints(footprints, { store, attachment }, host);
}

/**
 * Lets the node reach a pod's host ports at 127.0.0.1: such packets may then leave through its host end, and there
 * alone. Packets from pods to loopback addresses are dropped in the table.
 */
function openLoopback({ hostEnd, ports }: Footprint): void {
  if (!ports.some(({ target }) => target.family.name === 'IPv4')) return;
  setSysctl(`/proc/sys/net/ipv4/conf/${hostEnd}/route_localnet`, '1');
}

/**
 * What is missing or altered in the table, for CHECK, by what ADD noted of the attachment.
 *
 * @throws {Failure} as `inspectTable`; a missing nft is no error when nothing was asked for.
 */
export async function inspectProtection(
  attachment: Attachment,
  configuration: Configuration,
  request: Request,
  host: Host,
): Promise<string[]> {
  const { records } = openStore(configuration).recordsOf(attachment);
  const footprint = parseFootprints(records).at(-1);
  const runtimeConfig = parseRuntimeConfig(request.configuration['runtimeConfig']);
  const delegated = configuration.ipam && (footprint?.ranges ?? []);
  const egress = egressOf(configuration, runtimeConfig, delegated);
  try {
    return await inspectTable(host.run, 'inspect the firewall', planNetwork(egress), footprint);
  } catch (error) {
    if (!isMissing(error) || needsNft(configuration, footprint, egress)) throw error;
    return [];
  }
}
