import type { Configuration, Dns, Route } from '../../conf/configuration.ts';
import { codes, Failure } from '../../conf/failure.ts';
import { cidrs, type Family, formatAddress, formatCidr } from '../../conf/family.ts';
import { isUnset } from '../../conf/unset.ts';
import type { Lease } from '../../ipam/allocate.ts';
import { enableForwarding, leastIPv6Mtu, runsIPv6, uplinkMtu } from '../../netns/host/host.ts';
import { removePair, wireHost, wirePod } from '../../netns/link/apply.ts';
import { blamed, isOwnNamespace, openNamespace } from '../../netns/link/namespace.ts';
import type { PairNames } from '../../netns/link/naming.ts';
import { plannedRoutes, type Wiring } from '../../netns/link/plan.ts';
import { shape } from '../../netns/shaping/tc.ts';
import type { Call, Host, Verb } from '../cni/call.ts';
import type { Environment } from '../cni/environment.ts';
import { decodeResult, encodeResult, extendResult, type Result } from '../cni/result.ts';
import { type DelegatedLease, lease, leaseFromDelegate, requestOf } from './addressing.ts';
import { protectionOf, wireProtected } from './protect.ts';
import { Undo } from './undo.ts';

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

/** `default/web-0`, when the runtime says so in words that are safe to pass on; cut to what the kernel takes. */
export function aliasOf(args: ReadonlyMap<string, string>): string | undefined {
  const names = ['K8S_POD_NAMESPACE', 'K8S_POD_NAME'].map((key) => args.get(key) ?? '');
  const areSafe = names.every((name) => /^[a-zA-Z0-9._-]+$/.test(name));
  return areSafe ? names.join('/').slice(0, longestAlias) : undefined;
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

function withMac(names: PairNames, mac: string | undefined): PairNames {
  return mac === undefined ? names : { ...names, podMac: mac };
}

function rejectOwnNamespace(environment: Environment, path: string): void {
  const isOverridden = /^(?:1|true)$/i.test(environment['CNI_NETNS_OVERRIDE'] ?? '');
  if (isOverridden || !isOwnNamespace(path)) return;
  throw new Failure(codes.ownNamespace, "plugin's netns and netns from CNI_NETNS should not be the same");
}

function forward(families: readonly Family[], host: Host): void {
  for (const family of families) for (const change of enableForwarding(family)) host.warn(change);
}

/** Where the addresses come from: a delegate when the configuration names one, else the built-in pools. */
function obtainLease(call: Call, undo: Undo): Lease | Promise<DelegatedLease> {
  const type = call.configuration.ipam?.type;
  return type === undefined ? lease(call, undo) : leaseFromDelegate(type, call, undo);
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

/** A pod's second interface comes without the default routes that the first one brought. */
function leftOut(planned: readonly Route[], { ifname, routes }: Wiring): string[] {
  const missing = planned.filter((route) => !routes.includes(route));
  return missing.map(({ dst }) => `the pod has a route to ${formatCidr(dst)}: that of ${ifname} is left out`);
}

/** The file's stands for all of the delegate's, as in the reference plugins; each list of the capability over either. */
function dnsOf({ configuration, runtimeConfig }: Call, obtained: Lease | DelegatedLease): Dns {
  const { servers, searches, options } = runtimeConfig.dns ?? {};
  return {
    ...(configuration.dns ?? ('result' in obtained ? obtained.result.dns : {})),
    ...(servers && { nameservers: servers }),
    ...(searches && { search: searches }),
    ...(options && { options }),
  };
}

/** A runtime that gave up on this ADD may have sent a DEL meanwhile. @throws {Failure} code 11. */
function confirm({ store, attachment }: Call, obtained: Lease | DelegatedLease): void {
  const own = 'result' in obtained ? [] : obtained.addresses;
  store.confirm(
    attachment,
    own.map(({ address }) => formatAddress(address)),
  );
}

/** Reserves, wires and reports; what was done by the time of an error is on the undo stack. */
async function attach(call: Call, undo: Undo): Promise<Result> {
  const { attachment, netns, configuration, runtimeConfig, run } = call;
  const alias = aliasOf(call.args);
  const { mac } = requestOf(call);
  rejectOwnNamespace(call.environment, netns);
  const namespace = openNamespace(netns);
  undo.push('close the namespace', namespace.close);

  const obtained = await obtainLease(call, undo);
  for (const warning of obtained.warnings) call.warn(warning);
  const { addresses } = obtained;
  const families = addresses.map(({ address }) => address.family);
  const mtu = linkMtu(configuration.mtu, families);
  if (configuration.sysctls) forward(families, call);

  const { routes, isImplied } = routesOf(configuration, obtained);
  const { ifname } = attachment;
  const plan = (names: PairNames): Wiring => ({
    names: withMac(names, mac),
    ifname,
    mtu,
    ipv6: runsIPv6(mtu),
    alias,
    addresses,
    routes,
  });
  const protection = protectionOf(call, obtained);
  const wire = async (): Promise<Wiring> => {
    const wiring = await wireHost(run, attachment, namespace.descriptor, plan, () =>
      undo.push('remove the link', () => removePair(run, attachment)),
    );
    return wirePod(run, attachment, namespace.descriptor, wiring, isImplied);
  };
  const wiring = await wireProtected(wire, plan, protection, call, undo).catch((error: unknown) => {
    throw blamed(namespace, error);
  });
  for (const sentence of leftOut(routes, wiring)) call.warn(sentence);
  const shaped = { hostEnd: wiring.names.hostEnd, mtu };
  await shape(run, attachment, namespace.descriptor, shaped, runtimeConfig.bandwidth);
  confirm(call, obtained);
  return resultOf(wiring, netns, dnsOf(call, obtained));
}

/** ADD (CNI 1.1.0, "ADD: Add container to network, or apply modifications"). */
export const add: Verb = async (call) => {
  const undo = new Undo();
  try {
    const earlier = call.input['prevResult'];
    const added = await attach(call, undo);
    const result = !isUnset(earlier) ? extendResult(decodeResult(earlier), added) : added;
    return encodeResult(result, call.version);
  } catch (error) {
    const problem = await undo.run();
    if (problem) call.warn(problem);
    throw error;
  }
};
