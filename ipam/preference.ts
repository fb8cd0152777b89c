import { codes, Failure } from '../conf/failure.ts';
import { type Address, type FamilyName, families } from '../conf/family.ts';
import type { Pool } from './pool.ts';

export type FamilyPolicy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';

/** What decides which families a pod gets. */
export interface PreferenceInput {
  readonly ipFamilies?: readonly FamilyName[] | undefined;
  readonly ipFamilyPolicy?: FamilyPolicy | undefined;
  readonly nodeIPs: readonly Address[];
}

/** The pools that a pod gets an address from, in the order in which the addresses are reported. */
export interface Preference {
  readonly pools: readonly Pool[];
  /** Whether a family without a free address or without a pool is acceptable. */
  readonly lenient: boolean;
  /** Warnings for the operator. */
  readonly warnings: readonly string[];
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** `ipFamilies`, else the order of `nodeIPs`, else the order of the pools, which is the order of `podCIDRs`. */
function wantedOrder(input: PreferenceInput, pools: readonly Pool[]): FamilyName[] {
  if (input.ipFamilies) return [...input.ipFamilies];
  const ofNode = input.nodeIPs.map((ip) => ip.family.name);
  const ofPools = pools.map((pool) => pool.family.name);
  return distinct([...ofNode, ...ofPools]).filter((name) => ofPools.includes(name));
}

function unmet(message: string): Failure {
  return new Failure(codes.configuration, `invalid network configuration: ${message}`);
}

function missingFamilies(names: readonly FamilyName[]): string {
  return `no podCIDR for ${names.join(' and ')}`;
}

/**
 * Which families a pod gets, and in which order: Kubernetes' words for Services (`ipFamilies`, `ipFamilyPolicy`),
 * applied to a pod's addresses.
 *
 * @param pools one for each family that has CIDRs, in the order of the configuration.
 * @throws {Failure} code 7 for a requested family that has no pool.
 */
export function preferenceOf(input: PreferenceInput, pools: readonly Pool[]): Preference {
  const order = wantedOrder(input, pools);
  const available = order.flatMap((name) => pools.filter((pool) => pool.family.name === name));
  const absent = order.filter((name) => !available.some((pool) => pool.family.name === name));
  const policy = input.ipFamilyPolicy ?? (order.length > 1 ? 'RequireDualStack' : 'SingleStack');
  if (available.length === 0) {
    throw unmet(order.length > 0 ? missingFamilies(order) : 'podCIDRs must name a CIDR');
  }
  if (policy === 'SingleStack') return single(order, available);
  if (policy === 'PreferDualStack') {
    return { pools: available, lenient: true, warnings: absent.map((name) => missingFamilies([name])) };
  }
  if (absent.length > 0) throw unmet(missingFamilies(absent));
  if (available.length < 2) throw unmet(lacksSecond(available, input));
  return { pools: available, lenient: false, warnings: [] };
}

function single(order: readonly FamilyName[], available: readonly Pool[]): Preference {
  const [first] = available;
  if (!first || first.family.name !== order[0]) throw unmet(missingFamilies(order.slice(0, 1)));
  return { pools: [first], lenient: false, warnings: [] };
}

function lacksSecond(available: readonly Pool[], input: PreferenceInput): string {
  const names = available.map((pool) => pool.family.name);
  const others = families.map((family) => family.name).filter((name) => !names.includes(name));
  return input.ipFamilies
    ? `RequireDualStack needs both families, and ipFamilies names ${names.join()} alone`
    : `RequireDualStack needs both families: ${missingFamilies(others)}`;
}
