import { Failure } from '../../conf/failure.ts';
import { formatAddress, formatCidr, parseAddress, parseCidr } from '../../conf/family.ts';
import { parseRoutes } from '../../conf/runtime.ts';
import type { Endpoint } from '../../ipam/allocate.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { candidateNames } from './naming.ts';
import type { Wiring } from './plan.ts';

/*
 * What an ADD wired, as the store notes it: who inspects or repairs an attachment later needs no result of the runtime's,
 * and no configuration, which may have changed meanwhile.
 */

/** In one line. */
export function formatWiring(wiring: Wiring): string {
  const { names, mtu, ipv6, guarded } = wiring;
  const { hostEnd, podMac } = names;
  const podCIDRs = wiring.podCIDRs.map(formatCidr);
  const addresses = wiring.addresses.map(({ address, gateway }) => [address, gateway].map(formatAddress));
  const routes = wiring.routes.map(({ dst, gw, ...attributes }) => ({
    dst: formatCidr(dst),
    ...(gw && { gw: formatAddress(gw) }),
    ...attributes,
  }));
  return JSON.stringify({
    wiring: { hostEnd, podMac, mtu, ipv6, addresses, routes, podCIDRs, guarded },
  });
}

const mac = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

function parseEndpoint(entry: unknown): Endpoint[] {
  const [address, gateway] = (Array.isArray(entry) ? entry : []).map((text) => parseAddress(String(text)));
  return address && gateway ? [{ address, gateway }] : [];
}

function parseRecord(record: string, attachment: Attachment): Wiring | undefined {
  const { wiring } = JSON.parse(record) as { wiring?: Record<string, unknown> };
  if (!wiring) return undefined;
  const { hostEnd, podMac, mtu, ipv6, addresses, routes, podCIDRs, guarded } = wiring;
  if (typeof podMac !== 'string' || !mac.test(podMac) || !Number.isInteger(mtu)) return undefined;
  const names = candidateNames(attachment, podMac).find((candidate) => candidate.hostEnd === hostEnd);
  const endpoints = Array.isArray(addresses) ? addresses.flatMap(parseEndpoint) : [];
  if (!names || endpoints.length === 0) return undefined;
  return {
    names,
    ifname: attachment.ifname,
    mtu: Number(mtu),
    ipv6: ipv6 === true,
    alias: undefined,
    addresses: endpoints,
    routes: parseRoutes(routes),
    podCIDRs: Array.isArray(podCIDRs) ? podCIDRs.flatMap((cidr) => parseCidr(String(cidr)) ?? []) : [],
    guarded: guarded === true,
  };
}

/** @returns undefined for a torn record, or one that is none: it goes into a program, so only what is whole counts. */
function wholeRecord(record: string, attachment: Attachment): Wiring | undefined {
  try {
    return parseRecord(record, attachment);
  } catch (error) {
    if (error instanceof Failure || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The wiring of an attachment, by what was noted for it; undefined when nothing was, as by earlier versions. */
export function parseWiring(records: readonly string[], attachment: Attachment): Wiring | undefined {
  return records.flatMap((record) => wholeRecord(record, attachment) ?? []).at(-1);
}
