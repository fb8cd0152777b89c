import type { Configuration } from '../../conf/configuration.ts';
import { Failure } from '../../conf/failure.ts';
import { type Address, type Cidr, sizeOf } from '../../conf/family.ts';
import type { RuntimeConfig } from '../../conf/runtime.ts';
import type { LeasedAddress } from '../../ipam/allocate.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import type { NetworkEntry } from '../../ipam/store/lease-index.ts';
import { Patience, pause } from '../../ipam/store/patience.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { planEgress } from '../../netns/firewall/egress.ts';
import {
  type Footprint,
  formatFootprint,
  needsNft,
  parseFootprints,
} from '../../netns/firewall/footprint.ts';
import { inspectTable } from '../../netns/firewall/inspect.ts';
import { install } from '../../netns/firewall/install.ts';
import { isMissing } from '../../netns/firewall/nft.ts';
import { PortInUse } from '../../netns/firewall/port-in-use.ts';
import { uplinks } from '../../netns/host/host.ts';
import { candidateNames, type PairNames } from '../../netns/link/naming.ts';
import { ipQuery } from '../../netns/process/ip.ts';
import { type Call, type Host, openStore } from '../cni/call.ts';
import { bury } from './bury.ts';
import { holderOf, livingFootprints } from './notes.ts';
import { hostPortsOf } from './ports.ts';
import { removeLeftOver, repairAndTell } from './repair.ts';

/** What a pod is to have in the table, but for the names of its link, which wiring decides. */
export type Protection = Omit<Footprint, 'hostEnd' | 'mac'>;

/** The network of an address that another plugin gave. */
function networkOf({ address, prefix }: LeasedAddress): Cidr {
  const size = sizeOf(address.family, prefix);
  return { family: address.family, base: address.value - (address.value % size), prefix };
}

/** Destinations that see a pod's own address: pods of the network, and what the operator says. */
function directDestinations(
  { podCIDRs, ranges, clusterCIDRs, nonMasqueradeCIDRs }: Configuration,
  runtimeConfig: RuntimeConfig,
  leased: readonly LeasedAddress[],
): Cidr[] {
  const configured = [...(ranges ?? []), ...(runtimeConfig.ipRanges ?? [])]
    .flat()
    .map(({ subnet }) => subnet);
  return [...podCIDRs, ...configured, ...leased.map(networkOf), ...clusterCIDRs, ...nonMasqueradeCIDRs];
}

/**
 * What the configuration and the runtime ask of the table for a pod with these addresses.
 *
 * @throws {Failure} as `hostPortsOf`.
 */
export function protectionOf(
  { configuration, runtimeConfig }: Pick<Call, 'configuration' | 'runtimeConfig'>,
  leased: readonly LeasedAddress[],
): Protection {
  const addresses: Address[] = leased.map(({ address }) => address);
  const direct = directDestinations(configuration, runtimeConfig, leased);
  return {
    addresses,
    guarded: configuration.spoofCheck,
    egress: planEgress(addresses, direct, configuration),
    ports: hostPortsOf(runtimeConfig.portMappings, addresses),
  };
}

export function footprintOf({ hostEnd, podMac }: PairNames, protection: Protection): Footprint {
  return { hostEnd, mac: podMac, ...protection };
}

/**
 * Puts an attachment into the table, after it was noted.
 *
 * @throws {Failure} as `install`; a missing nft is no error when nothing was asked for.
 */
export async function installFirewall(footprint: Footprint, call: Call): Promise<void> {
  const { attachment, store, registry } = call;
  store.record(attachment, formatFootprint(footprint));
  try {
    await removeLeftOver(call, () => livingFootprints(registry.dataDirs(call.locator.dataDir)));
    await installWhenFree(`put ${describeAttachment(attachment)} into the firewall`, footprint, call);
  } catch (error) {
    if (!isMissing(error) || needsNft(footprint)) throw error;
    call.warn('nft is not installed: router advertisements from pods are not dropped');
  }
}

/**
 * A host port that leads to another pod becomes free soon: Kubernetes places no two living pods on one, so its DEL is on
 * the way, or will never come since the pod is dead, which is removed then.
 */
async function installWhenFree(operation: string, footprint: Footprint, call: Call): Promise<void> {
  const { attachment, locator, registry } = call;
  const patience = new Patience(call.portPatience);
  const others = () => livingFootprints(registry.dataDirs(locator.dataDir)).filter(isOther);
  const isOther = ({ hostEnd }: Footprint) =>
    !candidateNames(attachment).some((names) => names.hostEnd === hostEnd);
  for (;;) {
    try {
      return await install(call.run, operation, footprint, uplinks(), others);
    } catch (error) {
      if (!(error instanceof PortInUse)) throw error;
      const holder = error.target ? holderOf(error.target, registry.dataDirs(locator.dataDir)) : undefined;
      if (holder && (await bury(storeOf(holder, call), holder.attachment, call))) continue;
      if (patience.isOver) throw await named(error, holder, call);
      await pause(75);
    }
  }
}

function storeOf({ dataDir, network }: NetworkEntry, call: Call) {
  const { locator, store } = call;
  return dataDir === locator.dataDir && network === locator.name
    ? store
    : openStore({ dataDir, name: network });
}

async function named(error: PortInUse, holder: NetworkEntry | undefined, host: Host): Promise<Failure> {
  if (!holder) return error;
  const which = `${error.message} of ${await describe(holder.attachment, host)}`;
  return new Failure(error.code, which, { details: error.details, cause: error });
}

/** `default/web-0 (eth0 of container 4a1f…)` */
async function describe(attachment: Attachment, host: Host): Promise<string> {
  const questions = candidateNames(attachment).map(({ hostEnd }) => `link show dev ${hostEnd}`);
  const links = await ipQuery(host.run, 'host', 'look for the holder of a host port', questions);
  const alias = (links as { ifalias?: string }[]).find(({ ifalias }) => ifalias)?.ifalias;
  const which = describeAttachment(attachment);
  return alias ? `${alias} (${which})` : which;
}

/**
 * What is missing or altered in the table, for CHECK, by what ADD noted of the attachment. It is mended then, for all.
 *
 * @throws {Failure} as `inspectTable`; a missing nft is no error when nothing was asked for.
 */
export async function inspectFirewall(call: Call): Promise<readonly string[]> {
  const footprint = parseFootprints(call.store.recordsOf(call.attachment)).at(-1);
  if (!footprint) return [];
  try {
    const { problems } = await inspectTable(call.run, 'inspect the firewall', [footprint]);
    if (problems.length > 0) await repairAndTell(call, call.locator.dataDir);
    return problems;
  } catch (error) {
    if (!isMissing(error) || needsNft(footprint)) throw error;
    return [];
  }
}
