import {
  defaultDataDir,
  parseConfiguration,
  parseIpamConfiguration,
  parseLocator,
} from '../../../conf/configuration.ts';
import { Failure } from '../../../conf/failure.ts';
import { isName } from '../../../conf/name.ts';
import { capacity, handsOut, type Pool, poolsOf } from '../../../ipam/pool.ts';
import { type Preference, preferenceOf } from '../../../ipam/preference.ts';
import type { DiskStore } from '../../../ipam/store/disk.ts';
import { namesIn } from '../../../ipam/store/files.ts';
import { openStore } from '../../cni/call.ts';
import { delegateOf } from '../../cni/delegate.ts';
import { candidatesIn, type NetworkFile, ownType, type PluginConfiguration } from '../init/conflist.ts';

/** A network whose leases we keep. */
export interface Network {
  readonly name: string;
  readonly dataDir: string;
  readonly store: DiskStore;
  /** Undefined when only the store knows the network, or when its configuration cannot be used. */
  readonly preference: Preference | undefined;
  /** Whether we wire its pods, too, or only lend addresses to another plugin. Undefined: nobody knows. */
  readonly isWired: boolean | undefined;
  /** What a call of the plugin that ends an attachment of it has on its standard input. */
  readonly input: PluginConfiguration;
}

const ipamType = 'dualstack-ipam';

function usesOurPools(plugin: PluginConfiguration): boolean {
  const ipam = plugin['ipam'];
  const type = typeof ipam === 'object' && ipam !== null && 'type' in ipam ? ipam.type : undefined;
  return type === ipamType;
}

/** Undefined when the configuration is wrong: leases are shown all the same, and what is wrong is doctor's to say. */
function preferenceFrom(plugin: PluginConfiguration, isWired: boolean): Preference | undefined {
  // Another plugin's pools are not ours to know.
  if (isWired && delegateOf(plugin)) return undefined;
  return attempt(() => {
    const addressing = isWired ? parseConfiguration(plugin) : parseIpamConfiguration(plugin);
    return preferenceOf(addressing, poolsOf({ ...addressing, routes: isWired ? addressing.routes : [] }));
  });
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** The least that finds the leases. */
function inputFor(name: string, dataDir: string): PluginConfiguration {
  return { cniVersion: '1.1.0', name, type: ownType, dataDir };
}

function networkOf(plugin: PluginConfiguration): Network | undefined {
  const isWired = plugin['type'] === ownType;
  if (!isWired && !usesOurPools(plugin)) return undefined;
  const place = isWired ? plugin : { ...(plugin['ipam'] as object), name: plugin.name };
  const located = attempt(() => parseLocator(place));
  if (!located) return undefined;
  const { name, dataDir } = located;
  const preference = preferenceFrom(plugin, isWired);
  const input = isWired ? plugin : inputFor(name, dataDir);
  return { name, dataDir, store: openStore(located), preference, isWired, input };
}

function networksIn(file: NetworkFile | undefined): Network[] {
  return (file?.plugins ?? []).flatMap((plugin) => networkOf(plugin) ?? []);
}

/** Names in a store that are networks': our own index begins with a dot, as no network may. */
function storedNames(dataDir: string): string[] {
  return namesIn(dataDir).filter(isName);
}

function storedNetworks(dataDir: string): Network[] {
  return storedNames(dataDir).map((name) => ({
    name,
    dataDir,
    store: openStore({ name, dataDir }),
    preference: undefined,
    isWired: undefined,
    input: inputFor(name, dataDir),
  }));
}

/**
 * Every network that a configuration names, or that a store has.
 *
 * @param folder of network configurations.
 */
export function findNetworks(folder: string): Network[] {
  const configured = candidatesIn(folder).flatMap(({ file }) => networksIn(file));
  const dataDirs = new Set([...configured.map(({ dataDir }) => dataDir), defaultDataDir]);
  const stored = [...dataDirs].flatMap(storedNetworks);
  const byPlace = new Map(
    [...stored, ...configured].map((network) => [`${network.dataDir}/${network.name}`, network]),
  );
  return [...byPlace.values()];
}

/** How full a pool is. */
export interface PoolUse {
  readonly pool: Pool;
  readonly used: number;
  readonly capacity: bigint;
  /** Of its capacity, from 0 to 1. */
  readonly part: number;
}

export function usesOf(network: Network): PoolUse[] {
  const taken = [...network.store.taken()];
  return (network.preference?.pools ?? []).map((pool) => {
    const used = taken.filter((address) => handsOut(pool, address)).length;
    return { pool, used, capacity: capacity(pool), part: used / Number(capacity(pool)) };
  });
}
