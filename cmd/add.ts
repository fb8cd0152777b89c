import { type Configuration, parseConfiguration, type Route } from '../conf/configuration.ts';
import { codes, Failure } from '../conf/failure.ts';
import { type Family, formatAddress, formatCidr, parseCidr } from '../conf/family.ts';
import { allocate, type Lease } from '../ipam/allocate.ts';
import { poolsOf } from '../ipam/pool.ts';
import { type Preference, preferenceOf } from '../ipam/preference.ts';
import { removePair, wireHost, wirePod } from '../netns/apply.ts';
import { enableForwarding, requireFamily, uplinkMtu } from '../netns/host.ts';
import { isOwnNamespace, openNamespace } from '../netns/namespace.ts';
import { gatewayFor, type Wiring } from '../netns/plan.ts';
import { argumentsOf, attachmentOf, type Environment } from './environment.ts';
import { type Host, openStore, type Request, type Verb } from './request.ts';
import { decodeResult, encodeResult, extendResult, type Result } from './result.ts';
import { Undo } from './undo.ts';

/** The least MTU of a link that carries IPv6 (RFC 8200, section 5), in bytes. */
const leastIPv6Mtu = 1280;

function linkMtu(configured: number | undefined, families: readonly Family[]): number {
  const mtu = configured ?? uplinkMtu();
  if (mtu >= leastIPv6Mtu || !families.some(({ name }) => name === 'IPv6')) return mtu;
  throw new Failure(
    codes.configuration,
    `an MTU of ${mtu} bytes is too small for IPv6, which needs ${leastIPv6Mtu}`,
  );
}

/** `default/web-0`, when the runtime says so in words that are safe to pass on. */
export function aliasOf(environment: Environment): string | undefined {
  const args = argumentsOf(environment);
  const names = ['K8S_POD_NAMESPACE', 'K8S_POD_NAME'].map((key) => args.get(key) ?? '');
  return names.every((name) => /^[a-zA-Z0-9.-]{1,127}$/.test(name)) ? names.join('/') : undefined;
}

function defaultRoutes(lease: Lease): Route[] {
  return lease.addresses.flatMap(({ address }) => {
    const dst = parseCidr(address.family.everywhere);
    return dst ? [{ dst }] : [];
  });
}

function resultOf(wiring: Wiring, sandbox: string, dns: Configuration['dns']): Result {
  const { names, ifname, mtu, addresses, routes } = wiring;
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
    routes: routes.flatMap((route) => {
      const gw = gatewayFor(route, wiring);
      return gw ? [{ ...route, dst: formatCidr(route.dst), gw: formatAddress(gw) }] : [];
    }),
    dns: dns ?? {},
  };
}

function rejectOwnNamespace(environment: Environment, path: string): void {
  const isOverridden = ['1', 'true'].includes(environment['CNI_NETNS_OVERRIDE'] ?? '');
  if (isOverridden || !isOwnNamespace(path)) return;
  throw new Failure(codes.ownNamespace, "plugin's netns and netns from CNI_NETNS should not be the same");
}

function prepareHost(preference: Preference, configuration: Configuration, host: Host): void {
  for (const { family } of preference.pools) requireFamily(family);
  if (!configuration.sysctls) return;
  for (const { family } of preference.pools) for (const change of enableForwarding(family)) host.warn(change);
}

/** Reserves, wires and reports; what was done by the time of an error is on the undo stack. */
async function attach(request: Request, host: Host, undo: Undo): Promise<Result> {
  const { environment } = request;
  const attachment = attachmentOf(environment);
  const netns = environment['CNI_NETNS'] ?? '';
  const alias = aliasOf(environment);
  const configuration = parseConfiguration(request.configuration);
  const preference = preferenceOf(configuration, poolsOf(configuration));
  const mtu = linkMtu(
    configuration.mtu,
    preference.pools.map(({ family }) => family),
  );
  rejectOwnNamespace(environment, netns);
  const namespace = openNamespace(netns);
  undo.push('close the namespace', namespace.close);
  prepareHost(preference, configuration, host);

  const store = openStore(configuration);
  store.begin(attachment, netns);
  undo.push('release the lease', () => store.release(attachment));
  const lease = allocate(preference, store, attachment);
  for (const warning of lease.warnings) host.warn(warning);

  const routes = configuration.routes ?? defaultRoutes(lease);
  const wiring = await wireHost(
    host.run,
    attachment,
    namespace.descriptor,
    (names) => ({ names, ifname: attachment.ifname, mtu, alias, addresses: lease.addresses, routes }),
    () => undo.push('remove the link', () => removePair(host.run, attachment)),
  );
  await wirePod(host.run, attachment, namespace.descriptor, wiring);
  return resultOf(wiring, netns, configuration.dns);
}

/** ADD (CNI 1.1.0, "ADD: Add container to network, or apply modifications"). */
export const add: Verb = async (request, host) => {
  const undo = new Undo();
  try {
    const earlier = request.configuration['prevResult'];
    const added = await attach(request, host, undo);
    const result = earlier ? extendResult(decodeResult(earlier), added) : added;
    return encodeResult(result, request.version);
  } catch (error) {
    for (const problem of await undo.run()) host.warn(problem);
    throw error;
  }
};
