import { parseIpamConfiguration, parseLocator } from '../../conf/configuration.ts';
import { codes, Failure } from '../../conf/failure.ts';
import { formatAddress, formatCidr } from '../../conf/family.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import { attachmentOf } from '../cni/environment.ts';
import type { Handlers } from '../cni/protocol.ts';
import { openStore, type Request, type Verb } from '../cni/request.ts';
import { decodeResult, encodeResult } from '../cni/result.ts';
import { lease } from './addressing.ts';
import { collect } from './gc.ts';
import { asNotReady, requirePools } from './status.ts';
import { Undo } from './undo.ts';

/*
 * The verbs of `dualstack-ipam`: the same pools and leases behind another plugin's interface (CNI 1.1.0, section 4).
 * Configured in that plugin's `ipam` object.
 */

type Input = Request['configuration'];

/** Where the leases are, whatever has become of the rest of the configuration. */
function locate(configuration: Input): ReturnType<typeof parseLocator> {
  const ipam = configuration['ipam'];
  const own = typeof ipam === 'object' && ipam !== null ? ipam : {};
  return parseLocator({ ...own, name: configuration['name'] });
}

/** ADD: a lease, with the prefix length of its subnet, as host-local reports it. */
const add: Verb = async (request, host) => {
  const configuration = parseIpamConfiguration(request.configuration);
  const undo = new Undo();
  try {
    const attachment = attachmentOf(request.environment);
    const { addresses, warnings } = lease(request, configuration, attachment, host, undo);
    for (const warning of warnings) host.warn(warning);
    const ips = addresses.map(({ address, prefix, gateway }) => ({
      address: `${formatAddress(address)}/${prefix}`,
      gateway: formatAddress(gateway),
    }));
    const routes = (configuration.routes ?? []).map((route) => ({
      ...route,
      dst: formatCidr(route.dst),
      gw: route.gw && formatAddress(route.gw),
    }));
    return encodeResult({ interfaces: [], ips, routes, dns: configuration.dns ?? {} }, request.version);
  } catch (error) {
    const problem = await undo.run();
    if (problem) host.warn(problem);
    throw error;
  }
};

const del: Verb = async (request) => {
  openStore(locate(request.configuration)).release(attachmentOf(request.environment));
  return undefined;
};

const check: Verb = async (request) => {
  const attachment = attachmentOf(request.environment);
  const store = openStore(locate(request.configuration));
  const prevResult = request.configuration['prevResult'];
  const addresses = prevResult
    ? decodeResult(prevResult).ips.map(({ address }) => address.split('/')[0] ?? '')
    : [];
  if (addresses.some((address) => store.holds(attachment, address))) return undefined;
  throw new Failure(codes.altered, `${describeAttachment(attachment)} has no lease`);
};

const gc: Verb = async (request) => {
  const store = openStore(locate(request.configuration));
  await collect(request, store, async (attachment) => store.release(attachment), []);
  return undefined;
};

const status: Verb = async (request) => {
  try {
    requirePools(parseIpamConfiguration(request.configuration), request);
    return undefined;
  } catch (error) {
    throw asNotReady(error);
  }
};

export const ipamHandlers: Handlers = { ADD: add, DEL: del, CHECK: check, GC: gc, STATUS: status };
