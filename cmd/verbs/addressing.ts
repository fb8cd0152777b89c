import type { Addressing, Configuration, RangeSets, Route } from '../../conf/configuration.ts';
import { codes, Failure, reason } from '../../conf/failure.ts';
import {
  type Address,
  type Family,
  families,
  formatAddress,
  parseAddress,
  parseInterfaceAddress,
} from '../../conf/family.ts';
import { rejectUnreachable } from '../../conf/routes.ts';
import {
  parseRequestedArgs,
  parseRequestedVariables,
  parseRoutes,
  type Requested,
} from '../../conf/runtime.ts';
import { allocate, type Lease, type LeasedAddress } from '../../ipam/allocate.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import { type Pool, poolsOf } from '../../ipam/pool.ts';
import { type Preference, preferenceOf } from '../../ipam/preference.ts';
import { requireFamily, unsupported } from '../../netns/host/host.ts';
import { ownPairs } from '../../netns/link/apply.ts';
import { identityOf } from '../../netns/link/namespace.ts';
import type { Call } from '../cni/call.ts';
import { delegate, findDelegate } from '../cni/delegate.ts';
import { podNameOf } from '../cni/environment.ts';
import { decodeResult, type Result } from '../cni/result.ts';
import { makingRoom } from './bury.ts';
import { removalOf } from './del.ts';
import { removeWhole } from './removal.ts';
import { avoidingUnknown } from './unknown-pods.ts';

/** The gateway of an address whose delegate named none: any will do, for its MAC address is told to the pod. */
const gatewayOfLastResort = { IPv4: '169.254.1.1', IPv6: 'fe80::1' } as const;

/**
 * The pools of a request: what the `ipRanges` capability has of a family stands over what the file has of it. host-local
 * puts the capability's sets before the file's, and gives an address of each; ours are one of each family.
 */
export function requestedPools(call: PoolCall): Pool[] {
  const { configuration, runtimeConfig, wires } = call;
  // What is on the link of another plugin's pods, that plugin knows: of a bridge it is all of the subnet.
  const own = wires ? configuration : { ...configuration, routes: undefined };
  const { ipRanges = [] } = runtimeConfig;
  if (ipRanges.length === 0) return poolsOf(own);
  const asked = new Set(ipRanges.flat().map(({ subnet }) => subnet.family));
  const others = configuredSets(configuration).filter(([range]) => range && !asked.has(range.subnet.family));
  return poolsOf({ ...own, ranges: [...ipRanges, ...others] });
}

type PoolCall = Pick<Call<Addressing>, 'configuration' | 'runtimeConfig' | 'wires'>;

function configuredSets({ ranges, podCIDRs }: Addressing): RangeSets {
  if (ranges?.length) return ranges;
  const ofFamily = (family: Family) => podCIDRs.filter((subnet) => subnet.family === family);
  return families.map((family) => ofFamily(family).map((subnet) => ({ subnet })));
}

/**
 * What a call asks for, in any of its places: the address of a family, and the MAC address, by the capability, else by
 * `args.cni`, else by CNI_ARGS.
 */
export function requestOf<C>({ input, args, runtimeConfig }: RequestingCall<C>): Requested {
  const places = [runtimeConfig, parseRequestedArgs(input['args']), parseRequestedVariables(args)];
  const asked = (of: Family) => places.map(({ ips }) => ips.filter(({ family }) => family === of));
  return {
    ips: families.flatMap((family) => asked(family).find((ips) => ips.length > 0) ?? []),
    mac: places.find(({ mac }) => mac !== undefined)?.mac,
  };
}

type RequestingCall<C> = Pick<Call<C>, 'input' | 'args' | 'runtimeConfig'>;

/** A lenient preference does without a family that the host has switched off; any other cannot. */
function supported(preference: Preference): Preference {
  if (!preference.lenient) {
    for (const { family } of preference.pools) requireFamily(family);
    return preference;
  }
  const missing = preference.pools.flatMap(({ family }) => unsupported(family) ?? []);
  const pools = preference.pools.filter(({ family }) => !unsupported(family));
  const [failure] = missing;
  if (failure && pools.length === 0) throw failure;
  return {
    ...preference,
    pools,
    warnings: [...preference.warnings, ...missing.map(({ message }) => message)],
  };
}

/** What an ADD has done with leases when an error occurs. */
export interface LeaseProgress {
  /** Whether the attachment's entry in the store is, or was, this call's. */
  hasBegun: boolean;
}

/**
 * Begins the attachment in the store. What a killed ADD of the same left is removed first.
 *
 * @throws {Failure} as `DiskStore.begin`.
 */
async function begin<C>(call: Call<C>, progress: LeaseProgress, delegate?: string): Promise<void> {
  const { store, attachment, netns, registry, locator, args } = call;
  const identity = call.wires ? undefined : identityOf(netns);
  const removeAbandoned = () => removeWhole(removalOf(call, call.wires, []), call);
  await store.begin(attachment, { netns, identity, delegate, pod: podNameOf(args) }, removeAbandoned);
  progress.hasBegun = true;
  registry.note(locator.dataDir);
}

/**
 * Takes a lease from the built-in pools. When they are exhausted, what is left of dead attachments is removed first.
 *
 * @throws {Failure} as `allocate` and `DiskStore.begin`.
 */
export async function lease(call: Call<Addressing>, progress: LeaseProgress): Promise<Lease> {
  const { configuration, attachment, store } = call;
  const pools = requestedPools(call);
  const preference = supported(preferenceOf(configuration, pools));
  const requested = requestOf(call).ips;
  await begin(call, progress);
  const known = avoidingUnknown(call);
  // A pool of a lenient preference is emptied of the dead as well, before a pod does without its family.
  const strict = { ...preference, lenient: false };
  const take = (one: Preference) => () => allocate(one, known.store, attachment, requested);
  const taken = await makingRoom(store, take(strict), call).catch((error: unknown) => {
    if (!preference.lenient) throw error;
    return take(preference)();
  });
  return { ...taken, warnings: [...taken.warnings, ...known.warnings(taken)] };
}

/** A runtime that gave up on this ADD may have sent a DEL meanwhile. @throws {Failure} as `DiskStore.confirm`. */
export function confirm<C>({ store, attachment }: Call<C>, obtained: Lease | DelegatedLease): void {
  const own = 'result' in obtained ? [] : obtained.addresses;
  store.confirm(
    attachment,
    own.map(({ address }) => formatAddress(address)),
  );
}

function delegatedAddress(ip: Result['ips'][number]): LeasedAddress[] {
  const parsed = parseInterfaceAddress(ip.address);
  if (!parsed) return [];
  const { address, network } = parsed;
  const gateway = parseAddress(ip.gateway ?? '') ?? parseAddress(gatewayOfLastResort[address.family.name]);
  return gateway ? [{ address, prefix: network.prefix, gateway }] : [];
}

/** The order that the operator requested, otherwise the order of the delegate. */
function inPreferredOrder(
  addresses: readonly LeasedAddress[],
  configuration: Configuration,
): LeasedAddress[] {
  const wanted = configuration.ipFamilies ?? configuration.nodeIPs.map(({ family }) => family.name);
  const rank = ({ address }: LeasedAddress) => {
    const index = wanted.indexOf(address.family.name);
    return index === -1 ? wanted.length : index;
  };
  return [...addresses].sort((a, b) => rank(a) - rank(b));
}

function rejectMissing(
  type: string,
  addresses: readonly LeasedAddress[],
  configuration: Configuration,
): void {
  const has = (name: string) => addresses.some(({ address }) => address.family.name === name);
  const missing = (configuration.ipFamilies ?? []).filter((name) => !has(name));
  if (addresses.length > 0 && missing.length === 0) return;
  const what = missing.length > 0 ? missing.join(' and ') : 'IP';
  throw new Failure(codes.configuration, `IPAM plugin ${type} returned no ${what} address`);
}

/** What a delegate gave, beside the addresses. */
export interface DelegatedLease extends Lease {
  readonly result: Result;
  readonly routes: readonly Route[];
}

/** @throws {Failure} code 6, which names the plugin: the network configuration is not to blame. */
function routesOfDelegate(type: string, { routes }: Result, gateways: readonly Address[]): Route[] {
  try {
    const parsed = parseRoutes(routes);
    rejectUnreachable(parsed, gateways);
    return parsed;
  } catch (error) {
    throw new Failure(
      codes.decoding,
      `the result of IPAM plugin ${type} has invalid routes: ${reason(error)}`,
      {
        details: `look at the configuration and the version of ${type}`,
        cause: error,
      },
    );
  }
}

/** A delegate would refuse a second ADD of an attachment, and the DEL that follows would undo the first. */
async function rejectWired({ run, attachment }: Call): Promise<void> {
  const what = describeAttachment(attachment);
  if ((await ownPairs(run, attachment, `look for ${what}`)).length === 0) return;
  throw new Failure(codes.inUse, `${what} already exists`, {
    details: 'a second ADD of the same attachment: DEL it first',
  });
}

/**
 * Takes a lease from another IPAM plugin, which gets a DEL should something fail from here on.
 *
 * @throws {Failure} with the code of the plugin; 7 when it gave no address of a family that was asked for, or one of a
 * family that the host has switched off; 101 for a second ADD.
 */
export async function leaseFromDelegate(
  type: string,
  call: Call,
  progress: LeaseProgress,
): Promise<DelegatedLease> {
  const { configuration } = call;
  findDelegate(type, call.environment);
  await rejectWired(call);
  // Without addresses: they are the delegate's. What else the attachment has is noted there.
  await begin(call, progress, type);
  const result = decodeResult(await delegate(type, 'ADD', call), `the result of IPAM plugin ${type}`);
  const addresses = inPreferredOrder(result.ips.flatMap(delegatedAddress), configuration);
  rejectMissing(type, addresses, configuration);
  for (const { address } of addresses) requireFamily(address.family);
  const gateways = addresses.map(({ gateway }) => gateway);
  rejectUnreachable(configuration.routes ?? [], gateways);
  const routes = routesOfDelegate(type, result, gateways);
  return { addresses, warnings: [], result, routes };
}
