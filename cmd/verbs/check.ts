import { type Configuration, parseConfiguration } from '../../conf/configuration.ts';
import { codes, Failure } from '../../conf/failure.ts';
import {
  type Address,
  contains,
  formatAddress,
  formatCidr,
  parseAddress,
  parseInterfaceAddress,
} from '../../conf/family.ts';
import { parseRuntimeConfig } from '../../conf/runtime.ts';
import type { Endpoint } from '../../ipam/allocate.ts';
import { type Pool, poolsOf } from '../../ipam/pool.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { type ExpectedRoute, inspect } from '../../netns/link/inspect.ts';
import { openNamespace } from '../../netns/link/namespace.ts';
import { inspectShaping } from '../../netns/shaping/tc.ts';
import { delegate } from '../cni/delegate.ts';
import { attachmentOf } from '../cni/environment.ts';
import { openStore, type Verb } from '../cni/request.ts';
import { decodeResult, type Result, type ResultInterface } from '../cni/result.ts';
import { inspectProtection } from './inspection.ts';

/** The part of a result that is about one interface in a container. */
interface OwnPart {
  readonly mac: string | undefined;
  readonly addresses: readonly Endpoint[];
}

function prevResultOf(configuration: Readonly<Record<string, unknown>>): Result {
  const prevResult = configuration['prevResult'];
  if (prevResult) return decodeResult(prevResult);
  throw new Failure(codes.configuration, 'CHECK needs prevResult, and the configuration has none');
}

function endpoint(text: string, gateway: string | undefined): Endpoint | undefined {
  const address = parseInterfaceAddress(text)?.address;
  const via = parseAddress(gateway ?? '');
  return address && via ? { address, gateway: via } : undefined;
}

/** Others of the chain may have added interfaces and addresses: those are theirs to check. */
function ownPart(result: Result, attachment: Attachment): OwnPart {
  const isOwn = (link: ResultInterface | undefined) =>
    link?.name === attachment.ifname && Boolean(link.sandbox);
  const ips = result.ips.filter((ip) => ip.interface === undefined || isOwn(result.interfaces[ip.interface]));
  return {
    mac: result.interfaces.find(isOwn)?.mac,
    addresses: ips.flatMap((ip) => endpoint(ip.address, ip.gateway) ?? []),
  };
}

/** Those by our gateways, and those that the configuration names; others of the chain may have added more. */
function ownRoutes(
  result: Result,
  addresses: readonly Endpoint[],
  configuration: Configuration,
): ExpectedRoute[] {
  const gateways = new Set(addresses.map(({ gateway }) => formatAddress(gateway)));
  const named = new Set(configuration.routes?.map(({ dst }) => formatCidr(dst)));
  const own = result.routes.filter(({ dst, gw }) => (gw && gateways.has(gw)) || named.has(dst));
  return own.map(({ dst, gw }) => ({ dst, gw }));
}

function isFrom(pools: readonly Pool[], address: Address): boolean {
  return pools.some((pool) => pool.subnets.some((subnet) => contains(subnet, address)));
}

function altered(problems: readonly string[]): Failure {
  return new Failure(codes.altered, problems.join('; '), {
    details: 'something changed the pod or the host after ADD: recreate the pod to mend it',
  });
}

/** The addresses to check, and what is wrong with their leases. */
interface LeaseCheck {
  readonly ours: readonly Endpoint[];
  readonly problems: readonly string[];
}

function checkLeases(
  configuration: Configuration,
  attachment: Attachment,
  addresses: readonly Endpoint[],
): LeaseCheck {
  const pools = poolsOf(configuration);
  const store = openStore(configuration);
  const isLeased = ({ address }: Endpoint) => store.holds(attachment, formatAddress(address));
  const ours = addresses.filter((endpoint) => isLeased(endpoint) || isFrom(pools, endpoint.address));
  const lost = ours.filter((endpoint) => !isLeased(endpoint));
  return { ours, problems: lost.map(({ address }) => `the lease of ${formatAddress(address)} is missing`) };
}

/** CHECK (CNI 1.1.0, "CHECK: Check container's networking is as expected"). */
export const check: Verb = async (request, host) => {
  const attachment = attachmentOf(request.environment);
  const configuration = parseConfiguration(request.configuration);
  const { bandwidth } = parseRuntimeConfig(request.configuration['runtimeConfig']);
  const result = prevResultOf(request.configuration);
  const { mac, addresses } = ownPart(result, attachment);
  const type = configuration.ipam?.type;
  if (type !== undefined) await delegate(type, 'CHECK', request, host);
  const leases =
    type === undefined
      ? checkLeases(configuration, attachment, addresses)
      : { ours: addresses, problems: [] };
  if (leases.ours.length === 0)
    throw altered([`prevResult has no address of ${attachment.ifname} that is ours`]);

  const namespace = openNamespace(request.environment['CNI_NETNS'] ?? '');
  try {
    const routes = ownRoutes(result, leases.ours, configuration);
    const expected = { attachment, mac, addresses: leases.ours, routes };
    const found = await Promise.all([
      inspect(host.run, namespace.descriptor, expected),
      inspectShaping(host.run, attachment, namespace.descriptor, bandwidth),
      inspectProtection(attachment, configuration, request, host),
    ]);
    const problems = [...leases.problems, ...found.flat()];
    if (problems.length > 0) throw altered(problems);
    return undefined;
  } finally {
    namespace.close();
  }
};
