import type { Addressing, Configuration } from '../../conf/configuration.ts';
import { codes, Failure } from '../../conf/failure.ts';
import {
  type Address,
  contains,
  formatAddress,
  formatCidr,
  parseAddress,
  parseInterfaceAddress,
} from '../../conf/family.ts';
import { isUnset } from '../../conf/unset.ts';
import type { Endpoint } from '../../ipam/allocate.ts';
import type { Pool } from '../../ipam/pool.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { type ExpectedRoute, inspect } from '../../netns/link/inspect.ts';
import { blamed, openNamespace } from '../../netns/link/namespace.ts';
import { inspectShaping } from '../../netns/shaping/tc.ts';
import type { Call, Input, Verb } from '../cni/call.ts';
import { delegate } from '../cni/delegate.ts';
import { decodeResult, type Result, type ResultInterface } from '../cni/result.ts';
import { requestedPools } from './addressing.ts';
import { inspectFirewall } from './firewall.ts';

/** The part of a result that is about one interface in a container. */
interface OwnPart {
  readonly mac: string | undefined;
  readonly addresses: readonly Endpoint[];
}

function prevResultOf(input: Input): Result {
  const prevResult = input['prevResult'];
  if (!isUnset(prevResult)) return decodeResult(prevResult);
  throw new Failure(codes.configuration, 'CHECK needs prevResult, and the configuration has none');
}

function endpoint(text: string, gateway: string | undefined): Endpoint | undefined {
  const address = parseInterfaceAddress(text)?.address;
  const via = parseAddress(gateway ?? '');
  return address && via ? { address, gateway: via } : undefined;
}

/** Other plugins in the chain can add interfaces and addresses, and check them themselves. */
function ownPart(result: Result, attachment: Attachment): OwnPart {
  const isOwn = (link: ResultInterface | undefined) =>
    link?.name === attachment.ifname && Boolean(link.sandbox);
  const ips = result.ips.filter((ip) => ip.interface === undefined || isOwn(result.interfaces[ip.interface]));
  return {
    mac: result.interfaces.find(isOwn)?.mac,
    addresses: ips.flatMap((ip) => endpoint(ip.address, ip.gateway) ?? []),
  };
}

/** Those by our gateways, and those that the configuration names; others of the chain may have added more, also to the same. */
function ownRoutes(
  result: Result,
  addresses: readonly Endpoint[],
  configuration: Configuration,
): ExpectedRoute[] {
  const gateways = new Set(addresses.map(({ gateway }) => formatAddress(gateway)));
  const named = new Set(
    configuration.routes?.map(({ dst, gw }) => `${formatCidr(dst)} ${gw ? formatAddress(gw) : ''}`),
  );
  const own = result.routes.filter(
    ({ dst, gw = '' }) => (gw && gateways.has(gw)) || named.has(`${dst} ${gw}`),
  );
  return own.map(({ dst, gw }) => ({ dst, gw }));
}

function isFrom(pools: readonly Pool[], address: Address): boolean {
  return pools.some((pool) => pool.subnets.some((subnet) => contains(subnet, address)));
}

export function altered(problems: readonly string[]): Failure {
  return new Failure(codes.altered, problems.join('; '), {
    details: 'something changed the pod or the host after ADD: recreate the pod to mend it',
  });
}

/** The addresses to check, and what is wrong with their leases. */
interface LeaseCheck<T> {
  readonly ours: readonly T[];
  readonly problems: readonly string[];
}

/** Each address of a result that is ours to give must be leased; others of the chain may have added more. */
export function checkLeases<T extends Pick<Endpoint, 'address'>>(
  call: Call<Addressing>,
  addresses: readonly T[],
): LeaseCheck<T> {
  const { attachment, store } = call;
  const pools = requestedPools(call);
  const isLeased = ({ address }: T) => store.holds(attachment, formatAddress(address));
  const ours = addresses.filter((endpoint) => isLeased(endpoint) || isFrom(pools, endpoint.address));
  const lost = ours.filter((endpoint) => !isLeased(endpoint));
  return { ours, problems: lost.map(({ address }) => `the lease of ${formatAddress(address)} is missing`) };
}

/** CHECK (CNI 1.1.0, "CHECK: Check container's networking is as expected"). */
export const check: Verb = async (call) => {
  const { attachment, configuration, run } = call;
  const { bandwidth } = call.runtimeConfig;
  const result = prevResultOf(call.input);
  const { mac, addresses } = ownPart(result, attachment);
  const type = configuration.ipam?.type;
  if (type !== undefined) await delegate(type, 'CHECK', call);
  const leases = type === undefined ? checkLeases(call, addresses) : { ours: addresses, problems: [] };
  if (leases.ours.length === 0)
    throw altered([`prevResult has no address of ${attachment.ifname} that is ours`]);

  const namespace = openNamespace(call.netns);
  try {
    const routes = ownRoutes(result, leases.ours, configuration);
    const expected = { attachment, mac, addresses: leases.ours, routes };
    const found = await Promise.all([
      inspect(run, namespace.descriptor, expected),
      inspectShaping(run, attachment, namespace.descriptor, bandwidth),
      inspectFirewall(call),
    ]);
    const problems = [...leases.problems, ...found.flat()];
    if (problems.length > 0) throw altered(problems);
    return undefined;
  } catch (error) {
    throw blamed(namespace, error);
  } finally {
    namespace.close();
  }
};
