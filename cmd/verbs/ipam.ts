import { type Addressing, parseIpamConfiguration, parseLocator } from '../../conf/configuration.ts';
import { codes, Failure } from '../../conf/failure.ts';
import { formatAddress, formatCidr, parseInterfaceAddress } from '../../conf/family.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import type { Input, Verb } from '../cni/call.ts';
import type { Face } from '../cni/protocol.ts';
import { decodeResult, encodeResult } from '../cni/result.ts';
import { undo } from './add.ts';
import { confirm, lease } from './addressing.ts';
import { altered, checkLeases } from './check.ts';
import { del, detach } from './del.ts';
import { networkDns } from './dns.ts';
import { collect } from './gc.ts';
import { asNotReady, requirePools } from './status.ts';

/*
 * The verbs of `dualstack-ipam`: the same pools and leases behind another plugin's interface (CNI 1.1.0, section 4).
 * Configured in that plugin's `ipam` object.
 */

type IpamVerb = Verb<Addressing>;

function locate(input: Input): ReturnType<typeof parseLocator> {
  const ipam = input['ipam'];
  const own = typeof ipam === 'object' && ipam !== null ? ipam : {};
  return parseLocator({ ...own, name: input['name'] });
}

/** ADD: a lease, with the prefix length of its subnet, as host-local reports it. */
const add: IpamVerb = async (call) => {
  const { configuration } = call;
  const progress = { hasBegun: false, hasPair: false, footprints: [] };
  try {
    const dns = networkDns(configuration) ?? {};
    const taken = await lease(call, progress);
    const { addresses, warnings } = taken;
    confirm(call, taken);
    for (const warning of warnings) call.warn(warning);
    const ips = addresses.map(({ address, prefix, gateway }) => ({
      address: `${formatAddress(address)}/${prefix}`,
      gateway: formatAddress(gateway),
    }));
    const routes = (configuration.routes ?? []).map((route) => ({
      ...route,
      dst: formatCidr(route.dst),
      gw: route.gw && formatAddress(route.gw),
    }));
    return encodeResult({ interfaces: [], ips, routes, dns }, call.version);
  } catch (error) {
    await undo(call, progress);
    throw error;
  }
};

const check: IpamVerb = async (call) => {
  const { ips } = decodeResult(call.input['prevResult']);
  const { ours, problems } = checkLeases(
    call,
    ips.flatMap(({ address }) => parseInterfaceAddress(address) ?? []),
  );
  if (problems.length > 0) throw altered(problems);
  if (ours.length > 0) return undefined;
  throw new Failure(codes.altered, `${describeAttachment(call.attachment)} has no lease`);
};

const gc: IpamVerb = async (call) => {
  await collect(call.input, call.store, (attachment) => detach(call.about(attachment)), []);
  return undefined;
};

const status: IpamVerb = async (call) => {
  try {
    requirePools(call);
    networkDns(call.configuration);
    return undefined;
  } catch (error) {
    throw asNotReady(error);
  }
};

export const ipamPlugin: Face<Addressing> = {
  wires: false,
  parse: parseIpamConfiguration,
  locate,
  handlers: { ADD: add, DEL: del, CHECK: check, GC: gc, STATUS: status },
};
