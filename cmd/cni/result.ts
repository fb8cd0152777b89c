import * as z from 'zod/mini';
import type { Dns } from '../../conf/configuration.ts';
import { codes, enumerate, Failure, quote } from '../../conf/failure.ts';
import { parseAddress, parseInterfaceAddress } from '../../conf/family.ts';
import { withoutUnset } from '../../conf/unset.ts';
import { isAtLeast } from './version.ts';

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly sandbox?: string | undefined;
  readonly socketPath?: string | undefined;
  readonly pciID?: string | undefined;
}

export interface ResultAddress {
  /** With its prefix length. */
  readonly address: string;
  readonly gateway?: string | undefined;
  /** Index into `interfaces`. */
  readonly interface?: number | undefined;
}

export interface ResultRoute {
  readonly dst: string;
  readonly gw?: string | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

/** The result of an ADD, in the shape of CNI 1.1.0: what is older is written from it, and read into it. */
export interface Result {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
}

function versionDigit(address: string): '4' | '6' {
  return address.includes(':') ? '6' : '4';
}

/** 0.1.0 and 0.2.0: one address of each family, with its routes beside it. */
function toLegacy(result: Result): Record<string, unknown> {
  const sides = (['4', '6'] as const).flatMap((digit) => {
    const ips = result.ips.filter(({ address }) => versionDigit(address) === digit);
    if (ips.length > 1) {
      const message = `CNI 0.2.0 and older have room for one IPv${digit} address, but there are ${ips.length}`;
      throw new Failure(codes.unsupportedField, message);
    }
    const routes = result.routes
      .filter(({ dst }) => versionDigit(dst) === digit)
      .map(({ dst, gw }) => ({ dst, gw }));
    return ips.map(({ address, gateway }) => [`ip${digit}`, { ip: address, gateway, routes }] as const);
  });
  return Object.fromEntries(sides);
}

/**
 * The result as the version of the request has it, ready for JSON.
 *
 * @throws {Failure} code 2 for two addresses of a family where the version has room for one.
 */
export function encodeResult(result: Result, version: string): Record<string, unknown> {
  const { dns } = result;
  if (!isAtLeast(version, '0.3.0')) return { cniVersion: version, ...toLegacy(result), dns };
  const isNewest = isAtLeast(version, '1.1.0');
  const withDigit = !isAtLeast(version, '1.0.0');
  return {
    cniVersion: version,
    // An IPAM plugin has none to report (CNI 1.1.0, section 4, "Delegated plugins (IPAM)").
    ...(result.interfaces.length > 0 && {
      interfaces: isNewest
        ? result.interfaces
        : result.interfaces.map(({ name, mac, sandbox }) => ({ name, mac, sandbox })),
    }),
    ips: result.ips.map((ip) => (withDigit ? { version: versionDigit(ip.address), ...ip } : ip)),
    routes: isNewest ? result.routes : result.routes.map(({ dst, gw }) => ({ dst, gw })),
    dns,
  };
}

const text = z.string();
const number = z.number();

/** A list that may be absent, or null as Go writes an empty one. */
function list<T extends z.core.$ZodType>(items: T) {
  return z.nullish(z.array(items));
}

const dns = z.nullish(
  z.object({
    nameservers: list(text),
    domain: z.nullish(text),
    search: list(text),
    options: list(text),
  }),
);

const route = z.object({
  dst: text,
  gw: z.optional(text),
  mtu: z.optional(number),
  advmss: z.optional(number),
  priority: z.optional(number),
  table: z.optional(number),
  scope: z.optional(number),
});

const legacySide = z.nullish(
  z.object({
    ip: text,
    gateway: z.optional(text),
    routes: list(z.object({ dst: text, gw: z.optional(text) })),
  }),
);

/** Any version's result at once: what a version lacks is absent. */
const anyResult = z.object({
  interfaces: list(
    z.object({
      name: text,
      mac: z.optional(text),
      mtu: z.optional(number),
      sandbox: z.optional(text),
      socketPath: z.optional(text),
      pciID: z.optional(text),
    }),
  ),
  ips: list(z.object({ address: text, gateway: z.optional(text), interface: z.nullish(z.int()) })),
  routes: list(route),
  ip4: legacySide,
  ip6: legacySide,
  dns,
});

type AnyResult = z.output<typeof anyResult>;

function decodeDns(settings: AnyResult['dns']): Dns {
  const entries = Object.entries(settings ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(entries) as Dns;
}

function decodeIp(ip: NonNullable<AnyResult['ips']>[number]): ResultAddress {
  return { address: ip.address, gateway: ip.gateway, interface: ip.interface ?? undefined };
}

/**
 * Reads the result of an earlier plugin or call, of any version.
 *
 * @param whose `prevResult`, or the plugin that gave it.
 * @throws {Failure} code 6 when it is no result.
 */
export function decodeResult(input: unknown, whose = 'prevResult'): Result {
  const advice = `the network configuration is not to blame: look at what made ${whose}`;
  const outcome = anyResult.safeParse(withoutUnset(input) ?? {});
  if (!outcome.success) {
    const where = outcome.error.issues.map((issue) => issue.path.join('.') || 'all of it');
    throw new Failure(codes.decoding, `${whose} is not a CNI result: invalid: ${enumerate(where, ', ')}`, {
      details: advice,
    });
  }
  const { interfaces, ips, routes, ip4, ip6 } = outcome.data;
  const legacy = [ip4, ip6].flatMap((side) => side ?? []);
  const result = {
    interfaces: interfaces ?? [],
    ips: [...(ips ?? []).map(decodeIp), ...legacy.map(({ ip, gateway }) => ({ address: ip, gateway }))],
    routes: [...(routes ?? []), ...legacy.flatMap((side) => side.routes ?? [])],
    dns: decodeDns(outcome.data.dns),
  };
  const wrong = result.ips.find(({ address }) => parseInterfaceAddress(address) === undefined);
  if (wrong)
    throw new Failure(
      codes.decoding,
      `${whose} has ${quote(wrong.address)}, which is not an address with a prefix length`,
      { details: advice },
    );
  const gateway = result.ips.map((ip) => ip.gateway ?? '').find((text) => text !== '' && !parseAddress(text));
  if (gateway)
    throw new Failure(codes.decoding, `${whose} has gateway ${quote(gateway)}, which is not an IP address`, {
      details: advice,
    });
  return result;
}

/** Appends what one plugin adds to what earlier plugins of the chain made. */
export function extendResult(earlier: Result, added: Result): Result {
  const offset = earlier.interfaces.length;
  const moved = added.ips.map((ip) =>
    ip.interface === undefined ? ip : { ...ip, interface: ip.interface + offset },
  );
  return {
    interfaces: [...earlier.interfaces, ...added.interfaces],
    ips: [...earlier.ips, ...moved],
    routes: [...earlier.routes, ...added.routes],
    dns: { ...earlier.dns, ...added.dns },
  };
}
