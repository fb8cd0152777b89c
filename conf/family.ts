import { Address4, Address6 } from 'ip-address';

export type FamilyName = 'IPv4' | 'IPv6';

/** An address family, as data. Code loops over the families, so nothing is written twice. */
export interface Family {
  readonly name: FamilyName;
  /** The digit in `version` of CNI results before 1.0.0. */
  readonly version: '4' | '6';
  /** Length of an address, in bits. */
  readonly bits: 32 | 128;
  /** The destination of a default route. */
  readonly everywhere: string;
  /** The address as a number, or undefined if the text is not an address of this family. */
  parse(text: string): bigint | undefined;
  /** The canonical text: dotted decimal, RFC 5952. */
  format(value: bigint): string;
}

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

export interface Cidr {
  readonly family: Family;
  /** The lowest address: its host bits are zero. */
  readonly base: bigint;
  /** Length in bits. */
  readonly prefix: number;
}

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const dottedDecimal = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

export const IPv4: Family = {
  name: 'IPv4',
  version: '4',
  bits: 32,
  everywhere: '0.0.0.0/0',
  parse: (text) => (dottedDecimal.test(text) ? new Address4(text).bigInt() : undefined),
  format: (value) => Address4.fromBigInt(value).correctForm(),
};

/** `::ffff:0:0/96` (RFC 4291, 2.5.5.2), also when it is written without dots. */
function isMapped(value: bigint): boolean {
  return value >> 32n === 0xffffn;
}

export const IPv6: Family = {
  name: 'IPv6',
  version: '6',
  bits: 128,
  everywhere: '::/0',
  parse: (text) => {
    // Dots would be an IPv4-mapped or -compatible address: no pod has one, and peers read it as IPv4.
    if (!/^[0-9a-fA-F:]+$/.test(text) || !Address6.isValid(text)) return undefined;
    const value = new Address6(text).bigInt();
    return isMapped(value) ? undefined : value;
  },
  format: (value) => Address6.fromBigInt(value).correctForm(),
};

/** In the order in which pools are tried: IPv6 comes after IPv4, because it reuses the host number. */
export const families: readonly Family[] = [IPv4, IPv6];

/** @returns undefined if the text is not an address, or has a prefix length or a zone. */
export function parseAddress(text: string): Address | undefined {
  for (const family of families) {
    const value = family.parse(text);
    if (value !== undefined) return { family, value };
  }
  return undefined;
}

export function formatAddress(address: Address): string {
  return address.family.format(address.value);
}

function splitPrefix(text: string): { address: Address; prefix: number } | undefined {
  const [, host = '', length = ''] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  const address = parseAddress(host);
  const prefix = Number(length);
  return address && length !== '' && prefix <= address.family.bits ? { address, prefix } : undefined;
}

/** The number of addresses in a prefix of this length. */
export function sizeOf(family: Family, prefix: number): bigint {
  return 1n << BigInt(family.bits - prefix);
}

/** An address with the prefix length of its network, `10.244.1.7/24`. @returns undefined when it is none. */
export function parseInterfaceAddress(text: string): { address: Address; network: Cidr } | undefined {
  const parts = splitPrefix(text);
  if (!parts) return undefined;
  const { address, prefix } = parts;
  const base = address.value - (address.value % sizeOf(address.family, prefix));
  return { address, network: { family: address.family, base, prefix } };
}

/** @returns undefined if the text is not a CIDR, or has host bits set. */
export function parseCidr(text: string): Cidr | undefined {
  const parts = parseInterfaceAddress(text);
  return parts && parts.address.value === parts.network.base ? parts.network : undefined;
}

/** CIDRs that are known to be right. */
export function cidrs(...texts: string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

export function formatCidr(cidr: Cidr): string {
  return `${cidr.family.format(cidr.base)}/${cidr.prefix}`;
}

/** The highest address of a CIDR. */
export function lastOf(cidr: Cidr): bigint {
  return cidr.base + sizeOf(cidr.family, cidr.prefix) - 1n;
}

/** Addresses of one family from `first` to `last`, both included. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** All addresses of a CIDR. */
export function intervalOf(cidr: Cidr): Interval {
  return { first: cidr.base, last: lastOf(cidr) };
}

export function contains(cidr: Cidr, address: Address): boolean {
  return address.family === cidr.family && address.value >= cidr.base && address.value <= lastOf(cidr);
}

/** Whether two CIDRs share an address. If they do, one contains the other. */
export function overlap(one: Cidr, other: Cidr): boolean {
  const holds = (whole: Cidr, part: Cidr) => contains(whole, { family: part.family, value: part.base });
  return holds(one, other) || holds(other, one);
}
