import { parseConfiguration } from '../conf/configuration.ts';
import { codes, Failure } from '../conf/failure.ts';
import {
  type Address,
  contains,
  formatAddress,
  parseAddress,
  parseInterfaceAddress,
} from '../conf/family.ts';
import type { LeasedAddress } from '../ipam/allocate.ts';
import { type Pool, poolsOf } from '../ipam/pool.ts';
import type { Attachment } from '../ipam/store.ts';
import { inspect } from '../netns/inspect.ts';
import { openNamespace } from '../netns/namespace.ts';
import { attachmentOf } from './environment.ts';
import { openStore, type Verb } from './request.ts';
import { decodeResult, type Result, type ResultInterface } from './result.ts';

/** The part of a result that is about one interface in a container. */
interface OwnPart {
  readonly mac: string | undefined;
  readonly addresses: readonly LeasedAddress[];
}

function prevResultOf(configuration: Readonly<Record<string, unknown>>): Result {
  const prevResult = configuration['prevResult'];
  if (prevResult) return decodeResult(prevResult);
  throw new Failure(codes.configuration, 'CHECK needs prevResult, and the configuration has none');
}

function leasedAddress(text: string, gateway: string | undefined): LeasedAddress | undefined {
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
    addresses: ips.flatMap((ip) => leasedAddress(ip.address, ip.gateway) ?? []),
  };
}

function isFrom(pools: readonly Pool[], address: Address): boolean {
  return pools.some((pool) => pool.subnets.some((subnet) => contains(subnet, address)));
}

function altered(problems: readonly string[]): Failure {
  return new Failure(codes.altered, problems.join('; '), {
    details: 'something changed the pod or the host after ADD: recreate the pod to mend it',
  });
}

/** CHECK (CNI 1.1.0, "CHECK: Check container's networking is as expected"). */
export const check: Verb = async (request, host) => {
  const attachment = attachmentOf(request.environment);
  const configuration = parseConfiguration(request.configuration);
  const pools = poolsOf(configuration);
  const result = prevResultOf(request.configuration);
  const { mac, addresses } = ownPart(result, attachment);

  const held = new Set(openStore(configuration).held(attachment));
  const ours = addresses.filter(({ address }) => held.has(formatAddress(address)) || isFrom(pools, address));
  const unleased = ours.map(({ address }) => formatAddress(address)).filter((address) => !held.has(address));
  if (ours.length === 0) throw altered([`no address of ${attachment.ifname} in prevResult is leased here`]);

  const namespace = openNamespace(request.environment['CNI_NETNS'] ?? '');
  try {
    const via = new Set(ours.map(({ gateway }) => formatAddress(gateway)));
    const routes = result.routes.flatMap(({ dst, gw }) => (gw && via.has(gw) ? [{ dst, gw }] : []));
    const wiring = await inspect(host.run, namespace.descriptor, {
      attachment,
      mac,
      addresses: ours,
      routes,
    });
    const problems = [...unleased.map((address) => `the lease of ${address} is missing`), ...wiring];
    if (problems.length > 0) throw altered(problems);
    return undefined;
  } finally {
    namespace.close();
  }
};
