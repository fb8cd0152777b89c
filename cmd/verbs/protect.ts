import { Failure } from '../../conf/failure.ts';
import { formatAddress } from '../../conf/family.ts';
import type { LeasedAddress } from '../../ipam/allocate.ts';
import { describeAttachment, digestOf } from '../../ipam/attachment.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import { entriesOfAllNetworks, type NetworkEntry } from '../../ipam/store/lease-index.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import {
  type Footprint,
  formatFootprint,
  type HostPort,
  parseFootprints,
} from '../../netns/firewall/footprint.ts';
import { install, PortInUse, type Wanted } from '../../netns/firewall/install.ts';
import { type Egress, planNetwork } from '../../netns/firewall/masquerade.ts';
import { isMissing } from '../../netns/firewall/nft.ts';
import { setSysctl } from '../../netns/host/host.ts';
import { isProvablyDead, linkExists } from '../../netns/link/liveness.ts';
import { candidateNames, type PairNames } from '../../netns/link/naming.ts';
import type { Wiring } from '../../netns/link/plan.ts';
import { ipQuery } from '../../netns/process/ip.ts';
import { type Call, type Host, openStore } from '../cni/call.ts';
import { egressOf, needsNft, networkOf } from './egress.ts';
import { hostPortsOf } from './ports.ts';
import { together } from './together.ts';
import type { Undo } from './undo.ts';
import { removeFootprints, settleInheritance, unprotect } from './unprotect.ts';

/** What an attachment is to have in the table, but for its link's names, which wiring decides. */
export interface Protection {
  readonly egress: Egress;
  readonly ports: readonly HostPort[];
}

/**
 * What the configuration and the runtime ask of the table.
 *
 * @throws {Failure} as `hostPortsOf`.
 */
export function protectionOf(
  { configuration, runtimeConfig }: Pick<Call, 'configuration' | 'runtimeConfig'>,
  obtained: { readonly addresses: readonly LeasedAddress[]; readonly result?: unknown },
): Protection {
  const delegated = obtained.result === undefined ? undefined : obtained.addresses.map(networkOf);
  const addresses = obtained.addresses.map(({ address }) => address);
  return {
    egress: egressOf(configuration, runtimeConfig, delegated),
    ports: hostPortsOf(runtimeConfig.portMappings, addresses),
  };
}

function footprintOf(
  { names, addresses }: Wiring,
  { egress, ports }: Protection,
  guarded: boolean,
): Footprint {
  return {
    hostEnd: names.hostEnd,
    mac: names.podMac,
    addresses: addresses.map(({ address }) => address),
    ranges: egress.delegated ? egress.podRanges : [],
    guarded,
    ports,
  };
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
  call: Call,
  undo: Undo,
): Promise<Wiring> {
  const { spoofCheck, sysctls } = call.configuration;
  const likely = candidateNames(call.attachment).find(({ hostEnd }) => !linkExists(hostEnd));
  const early = likely && footprintOf(plan(likely), protection, spoofCheck);
  const wiring = await together(wire(), early ? protect(early, protection, call, undo) : Promise.resolve());
  const footprint = footprintOf(wiring, protection, spoofCheck);
  if (footprint.hostEnd !== early?.hostEnd) await protect(footprint, protection, call, undo);
  if (sysctls) openLoopback(footprint);
  return wiring;
}

/**
 * Puts an attachment into the table: its source check, its host ports, and its network's masquerading. Before that,
 * what it inherited from the dead goes.
 *
 * @throws {Failure} as `install`; a missing nft is no error when nothing was asked for.
 */
async function protect(footprint: Footprint, { egress }: Protection, call: Call, undo: Undo): Promise<void> {
  const { attachment, configuration, store } = call;
  const { dataDir } = configuration;
  const operation = `protect ${describeAttachment(attachment)}`;
  await settleInheritance(store, attachment, call);
  store.record(attachment, formatFootprint(footprint));
  let isUntouched = false;
  undo.push('remove the firewall elements', async () => {
    if (!isUntouched) await removeFootprints([footprint], { store, attachment }, call);
  });
  const isDamaged = store.isDamaged();
  const wanted = {
    network: planNetwork(egress),
    footprint,
    isDamaged,
    others: () => othersAlive(footprint, dataDir),
  };
  try {
    await installOrInherit(operation, wanted, dataDir, call);
    if (isDamaged) store.clearDamage();
  } catch (error) {
    isUntouched = isMissing(error);
    if (!isUntouched || needsNft(configuration, footprint, egress)) throw error;
    call.warn('nft is not installed: router advertisements from pods are not dropped');
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

/** Everybody else who has a host end, the oldest first: an ADD that is under way sees to its own. */
function othersAlive({ hostEnd: own }: Footprint, dataDir: string): Footprint[] {
  const entries = entriesOfAllNetworks(dataDir, readBootID());
  const footprints = parseFootprints(entries.flatMap(({ records }) => records));
  return footprints.filter(({ hostEnd }) => hostEnd !== own && linkExists(hostEnd));
}

/** Whose an address is, in whatever network. */
function holderOf(address: string, dataDir: string): NetworkEntry | undefined {
  const has = (footprint: Footprint) => footprint.addresses.some((own) => formatAddress(own) === address);
  const entries = entriesOfAllNetworks(dataDir, readBootID());
  return entries.find(({ records }) => parseFootprints(records).some(has));
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
 * Lets the node reach a pod's host ports at 127.0.0.1: such packets may then leave through its host end, and there
 * alone. Packets from pods to loopback addresses are dropped in the table.
 */
function openLoopback({ hostEnd, ports }: Footprint): void {
  if (!ports.some(({ target }) => target.family.name === 'IPv4')) return;
  setSysctl(`/proc/sys/net/ipv4/conf/${hostEnd}/route_localnet`, '1');
}
