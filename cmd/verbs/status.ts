import type { Addressing, Configuration } from '../../conf/configuration.ts';
import { codes, Failure, reason } from '../../conf/failure.ts';
import { families } from '../../conf/family.ts';
import { capacity, describePool, handsOut, type Pool } from '../../ipam/pool.ts';
import { type Preference, preferenceOf } from '../../ipam/preference.ts';
import type { DiskStore } from '../../ipam/store/disk.ts';
import { forwardingSwitch, isForwarding, requireFamily } from '../../netns/host/host.ts';
import type { Call, Input, Verb } from '../cni/call.ts';
import { delegate } from '../cni/delegate.ts';
import type { Environment } from '../cni/environment.ts';
import { isExecutable, isOnPath } from '../cni/executables.ts';
import { requestedPools } from './addressing.ts';
import { networkDns } from './dns.ts';
import { keepFirewall } from './repair.ts';
import { findOutdated } from './versions.ts';

/** What every ADD starts. */
const commands = ['ip', 'nsenter', 'tee'];

function notReady(why: string, details = ''): Failure {
  return new Failure(codes.notAvailable, `not ready: ${why}`, { details });
}

/** Whether pods of this configuration may need nft: which addresses they have is not known. */
function mayNeedNft({ spoofCheck, ipMasq }: Configuration): boolean {
  const settings = typeof ipMasq === 'object' ? families.map(({ name }) => ipMasq[name]) : [ipMasq];
  return spoofCheck || settings.some((setting) => setting !== false);
}

/** `nft` as well where pods need it, and `tc` where pods may come with limits. Runtimes may keep `capabilities` to themselves: then nobody can know. */
export function neededCommands(input: Input, configuration: Configuration): string[] {
  const { capabilities, runtimeConfig } = input;
  const isBandwidth = (value: unknown) =>
    typeof value === 'object' && value !== null && 'bandwidth' in value && Boolean(value.bandwidth);
  return [
    ...commands,
    ...(mayNeedNft(configuration) ? ['nft'] : []),
    ...([capabilities, runtimeConfig].some(isBandwidth) ? ['tc'] : []),
  ];
}

/** @throws {Failure} code 50 with the names of those that are not on the PATH. */
export function requireCommands(needed: readonly string[], environment: Environment): void {
  const missing = needed.filter((command) => !isOnPath(command, environment['PATH'] ?? ''));
  if (missing.length > 0) throw notReady(`missing commands: ${missing.join(', ')}`);
}

/** @throws {Failure} code 50 with the names of those that are too old. */
async function requireVersions(needed: readonly string[], call: Call): Promise<void> {
  const outdated = await findOutdated(call, needed, call.environment['PATH'] ?? '');
  if (outdated.length > 0) throw notReady(outdated.map(({ sentence }) => sentence).join('; '));
}

function requireForwarding(pools: readonly Pool[]): void {
  const off = pools.filter(({ family }) => !isForwarding(family));
  if (off.length === 0) return;
  const switches = off.map(({ family }) => forwardingSwitch[family.name]);
  // The pods that run reach nothing either: the code for that is another.
  throw new Failure(
    codes.limitedConnectivity,
    `not ready: the host does not forward ${off.map(({ family }) => family.name).join(' and ')}, and sysctls is false`,
    { details: `set ${switches.join(' and ')} to 1` },
  );
}

/** Counts names alone, unless the pool looks full: a lease of a pod that is gone will be reclaimed. */
function isExhausted(pool: Pool, store: DiskStore): boolean {
  const isOurs = (address: string) => handsOut(pool, address);
  const used = [...store.taken()].filter(isOurs);
  return BigInt(used.length) >= capacity(pool) && !store.canReclaim(isOurs);
}

/**
 * A full pool keeps the next pod from starting, and none that runs from running. Where a runtime makes the node NotReady
 * of it, Kubernetes evicts them all: unless that is asked for, it is a sentence.
 */
function requireAddresses(
  { pools, lenient }: Preference,
  { configuration, store, warn }: Call<Addressing>,
): void {
  const exhausted = pools.filter((pool) => isExhausted(pool, store));
  if (exhausted.length === 0 || (lenient && exhausted.length < pools.length)) return;
  const what = `no address is left in ${exhausted.map(describePool).join(' and ')}`;
  const advice = 'delete pods, or give the node a larger podCIDR';
  if (configuration.notReadyWhenFull) throw notReady(what, advice);
  warn(`${what}, and the next pod will not start: ${advice}`);
}

/**
 * containerd starts `loopback` before us, unless it is told not to (use_internal_loopback): so that it is missing is no
 * reason to make the node NotReady, and yet what an operator looks for when no pod starts.
 */
function lookForLoopback({ environment, warn }: Call): void {
  const folders = (environment['CNI_PATH'] ?? '').split(':');
  if (folders.some((folder) => isExecutable(`${folder}/loopback`))) return;
  warn(
    `plugin loopback is not in ${folders.join(', ')}: containerd needs it for each pod; dualstack install`,
  );
}

/**
 * Whether the built-in pools could give a pod its addresses now.
 *
 * @throws {Failure} saying what is in the way.
 */
export function requirePools(call: Call<Addressing>): Preference {
  const { configuration, store } = call;
  const preference = preferenceOf(configuration, requestedPools(call));
  if (!preference.lenient) for (const { family } of preference.pools) requireFamily(family);
  store.probe();
  requireAddresses(preference, call);
  return preference;
}

/** The codes that STATUS may end with (CNI 1.1.0, "STATUS: Check plugin status"). */
const ofStatus: readonly number[] = [codes.notAvailable, codes.limitedConnectivity];

/** Everything that would fail an ADD makes the node not ready, with the error of that ADD. */
export function asNotReady(error: unknown): Failure {
  if (!(error instanceof Failure) || ofStatus.includes(error.code)) throw error;
  return new Failure(codes.notAvailable, `not ready: ${error.message}`, {
    details: error.details,
    cause: error,
  });
}

/**
 * Runtimes ask every few seconds, so that a flushed table is back before long, also where no pod comes or goes and whatever
 * else keeps the node from being ready.
 *
 * @returns why it cannot be kept; a machine that is too busy now is no reason.
 */
async function tableFault(call: Call): Promise<Failure | undefined> {
  try {
    await keepFirewall(call, call.locator.dataDir);
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code !== codes.tryAgain) return error;
    call.warn(reason(error));
    return undefined;
  }
}

/** @throws {Failure} the fault, where pods may need nft. */
function requireTable(fault: Failure | undefined, { configuration, warn }: Call): void {
  if (!fault) return;
  if (mayNeedNft(configuration)) throw fault;
  warn(reason(fault));
}

/** STATUS (CNI 1.1.0, "STATUS: Check plugin status"). */
export const status: Verb = async (call) => {
  try {
    const fault = await tableFault(call);
    const { configuration } = call;
    const needed = neededCommands(call.input, configuration);
    requireCommands(needed, call.environment);
    await requireVersions(needed, call);
    requireTable(fault, call);
    lookForLoopback(call);
    networkDns(configuration);
    const type = configuration.ipam?.type;
    if (type === undefined) {
      const { pools } = requirePools(call);
      if (!configuration.sysctls) requireForwarding(pools);
    } else await delegate(type, 'STATUS', call);
    return undefined;
  } catch (error) {
    throw asNotReady(error);
  }
};
