import type { Configuration, Dns, Route } from '../../conf/configuration.ts';
import { codes, Failure, reason } from '../../conf/failure.ts';
import { cidrs, type Family, formatAddress, formatCidr } from '../../conf/family.ts';
import { isUnset } from '../../conf/unset.ts';
import type { Lease } from '../../ipam/allocate.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import type { Footprint } from '../../netns/firewall/footprint.ts';
import { enableForwarding, leastIPv6Mtu, runsIPv6, uplinkMtu } from '../../netns/host/host.ts';
import { type WiringProgress, type WiringRequest, wireHost, wirePod } from '../../netns/link/apply.ts';
import { linkExists } from '../../netns/link/liveness.ts';
import { blamed, type Namespace, openNamespace } from '../../netns/link/namespace.ts';
import { candidateNames, type PairNames } from '../../netns/link/naming.ts';
import { plannedRoutes, type Wiring } from '../../netns/link/plan.ts';
import { formatWiring } from '../../netns/link/record.ts';
import { shape } from '../../netns/shaping/tc.ts';
import type { Call, Host, Verb } from '../cni/call.ts';

import { podNameOf } from '../cni/environment.ts';
import { decodeResult, encodeResult, extendResult, type Result } from '../cni/result.ts';
import {
  confirm,
  type DelegatedLease,
  type LeaseProgress,
  lease,
  leaseFromDelegate,
  requestOf,
} from './addressing.ts';
import { removalOf } from './del.ts';
import { networkDns, podDns } from './dns.ts';
import { footprintOf, installFirewall, protectionOf } from './firewall.ts';
import { openLoopback } from './loopback-guard.ts';
import { rejectOwnNamespace } from './own-namespace.ts';
import { removeOutdated, removeWhole } from './removal.ts';
import { together } from './together.ts';

export function linkMtu(configured: number | undefined, families: readonly Family[]): number {
  const mtu = configured ?? uplinkMtu();
  if (mtu >= leastIPv6Mtu || !families.some(({ name }) => name === 'IPv6')) return mtu;
  throw new Failure(
    codes.configuration,
    `an MTU of ${mtu} bytes is too small for IPv6, which needs ${leastIPv6Mtu}`,
  );
}

/** The kernel's limit of an alias, in bytes (include/uapi/linux/if.h, IFALIASZ, without the NUL). */
const longestAlias = 255;

/** The pod's name, cut to what the kernel takes; whole it is in the store. */
export function aliasOf(args: ReadonlyMap<string, string>): string | undefined {
  return podNameOf(args)?.slice(0, longestAlias);
}

function defaultRoutes(lease: Lease): Route[] {
  const families = new Set(lease.addresses.map(({ address }) => address.family));
  return cidrs(...[...families].map(({ everywhere }) => everywhere)).map((dst) => ({ dst }));
}

function resultOf(wiring: Wiring, sandbox: string, dns: Dns): Result {
  const { names, ifname, mtu, addresses } = wiring;
  return {
    interfaces: [
      { name: names.hostEnd, mac: names.hostMac, mtu },
      { name: ifname, mac: names.podMac, mtu, sandbox },
    ],
    ips: addresses.map(({ address, gateway }) => ({
      address: `${formatAddress(address)}/${address.family.bits}`,
      gateway: formatAddress(gateway),
      interface: 1,
    })),
    routes: plannedRoutes(wiring).map(({ dst, gw, ...attributes }) => ({
      dst: formatCidr(dst),
      ...(gw && { gw: formatAddress(gw) }),
      ...attributes,
    })),
    dns,
  };
}

function forward(families: readonly Family[], host: Host): void {
  for (const family of families)
    for (const change of enableForwarding(host.writeSetting, family)) host.warn(change);
}

/** The source of the addresses: a delegate if the configuration names one, otherwise the built-in pools. */
function address(call: Call, progress: Progress): Promise<Lease | DelegatedLease> {
  const type = call.configuration.ipam?.type;
  return type === undefined ? lease(call, progress) : leaseFromDelegate(type, call, progress);
}

/** What a pod is to route, and whether nobody asked for it. */
interface ChosenRoutes {
  readonly routes: readonly Route[];
  readonly isImplied: boolean;
}

/** Those of the file; else those of the delegate; else, implied, a default route for each family. */
export function routesOf(configuration: Configuration, obtained: Lease | DelegatedLease): ChosenRoutes {
  if (configuration.routes) return { routes: configuration.routes, isImplied: false };
  const delegated = 'routes' in obtained ? obtained.routes : [];
  if (delegated.length > 0) return { routes: delegated, isImplied: false };
  return { routes: defaultRoutes(obtained), isImplied: true };
}

/** A pod's second interface does not get default routes that the first one has. */
function leftOut(planned: readonly Route[], { ifname, routes }: Wiring): string[] {
  const missing = planned.filter((route) => !routes.includes(route));
  return missing.map(
    ({ dst }) => `the pod has a route to ${formatCidr(dst)}: the route of ${ifname} is left out`,
  );
}

/** What an ADD did by the time of an error. */
interface Progress extends LeaseProgress, WiringProgress {
  readonly footprints: Footprint[];
}

/** What is wired, and protected, for a lease. */
function wiringRequest(
  call: Call,
  obtained: Lease | DelegatedLease,
  routes: readonly Route[],
): WiringRequest {
  const { addresses } = obtained;
  const mtu = linkMtu(
    call.configuration.mtu,
    addresses.map(({ address }) => address.family),
  );
  return {
    ifname: call.attachment.ifname,
    mtu,
    ipv6: runsIPv6(mtu),
    alias: aliasOf(call.args),
    podMac: requestOf(call).mac,
    addresses,
    routes,
    podCIDRs: call.configuration.podCIDRs,
    guarded: call.configuration.spoofCheck,
  };
}

/**
 * Puts the attachment into the firewall while it is wired, under the names that it will most probably have.
 *
 * @throws {Failure} as `wireHost`, `wirePod` and `installFirewall`.
 */
async function wireAndProtect(
  call: Call,
  descriptor: number,
  chosen: ChosenRoutes,
  obtained: Lease | DelegatedLease,
  progress: Progress,
): Promise<Wiring> {
  const { attachment, run, configuration } = call;
  const request = wiringRequest(call, obtained, chosen.routes);
  const protection = protectionOf(call, obtained.addresses);
  const protect = async (names: PairNames) => {
    const footprint = footprintOf(names, protection);
    progress.footprints.push(footprint);
    await installFirewall(footprint, call);
  };
  const wire = async () => {
    const wiring = await wireHost(call, attachment, descriptor, request, progress);
    return wirePod(run, attachment, descriptor, wiring, chosen.isImplied);
  };
  const likely = candidateNames(attachment, request.podMac).find(({ hostEnd }) => !linkExists(hostEnd));
  const wiring = await together(wire(), likely ? protect(likely) : Promise.resolve());
  if (wiring.names.hostEnd !== likely?.hostEnd) await protect(wiring.names);
  if (configuration.sysctls) await openLoopback(call, wiring.names.hostEnd, protection.ports);
  return wiring;
}

/** Address, wire and protect, shape, confirm. */
async function attach(call: Call, namespace: Namespace, progress: Progress): Promise<Result> {
  const { attachment, configuration, runtimeConfig, run } = call;
  const ofNetwork = networkDns(configuration);
  const obtained = await address(call, progress);
  for (const warning of obtained.warnings) call.warn(warning);
  if (configuration.sysctls) {
    forward(
      obtained.addresses.map(({ address }) => address.family),
      call,
    );
  }
  const chosen = routesOf(configuration, obtained);
  const wiring = await wireAndProtect(call, namespace.descriptor, chosen, obtained, progress).catch(
    (error: unknown) => {
      throw blamed(namespace, error);
    },
  );
  call.store.record(attachment, formatWiring(wiring));
  for (const sentence of leftOut(chosen.routes, wiring)) call.warn(sentence);
  const shaped = { hostEnd: wiring.names.hostEnd, mtu: wiring.mtu };
  await shape(run, attachment, namespace.descriptor, shaped, runtimeConfig.bandwidth);
  confirm(call, obtained);
  const ofDelegate = 'result' in obtained ? obtained.result.dns : {};
  return resultOf(wiring, call.netns, podDns(call, ofNetwork, ofDelegate));
}

/**
 * Undoes this ADD with the same removal as a DEL. A newer ADD of the same attachment may have begun by now, since
 * runtimes reuse container IDs: then all but outdated elements is that one's.
 */
export async function undo<C>(call: Call<C>, { hasBegun, hasPair, footprints }: Progress): Promise<void> {
  if (!hasBegun) return;
  const { store, attachment } = call;
  const removal = removalOf(call, hasPair, footprints);
  try {
    await store.alone('undo', attachment, () =>
      (store.ownerOf(attachment) === 'other' ? removeOutdated : removeWhole)(removal, call),
    );
  } catch (error) {
    call.warn(`could not undo the ADD of ${describeAttachment(attachment)}: ${reason(error)}`);
  }
}

/** ADD (CNI 1.1.0, "ADD: Add container to network, or apply modifications"). */
export const add: Verb = async (call) => {
  const progress: Progress = { hasBegun: false, hasPair: false, footprints: [] };
  rejectOwnNamespace(call.environment, call.netns);
  const earlier = call.input['prevResult'];
  const namespace = openNamespace(call.netns);
  try {
    const added = await attach(call, namespace, progress);
    const result = isUnset(earlier) ? added : extendResult(decodeResult(earlier), added);
    return encodeResult(result, call.version);
  } catch (error) {
    await undo(call, progress);
    throw error;
  } finally {
    namespace.close();
  }
};
