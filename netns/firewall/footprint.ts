import { type Address, formatAddress, formatCidr, parseAddress, parseCidr } from '../../conf/family.ts';
import type { Protocol } from '../../conf/rules.ts';
import type { Egress } from './egress.ts';

/** A port of the host that leads to one of a pod's addresses. */
export interface HostPort {
  readonly protocol: Protocol;
  /** The host's address; undefined: all that it has of the target's family. */
  readonly on: Address | undefined;
  readonly port: number;
  readonly target: Address;
  readonly targetPort: number;
}

/** What an attachment has in our nftables table, and the addresses that connection tracking can know. */
export interface Footprint {
  /** Name of its host end. */
  readonly hostEnd: string;
  /** Of its pod's end. */
  readonly mac: string;
  readonly addresses: readonly Address[];
  /** Which of its packets leave with the node's address. */
  readonly egress: Egress;
  /** Whether it can send only from its own addresses. */
  readonly guarded: boolean;
  readonly ports: readonly HostPort[];
}

/** Whether a pod needs nft. If it does, an ADD without nft fails. */
export function needsNft({ guarded, ports, egress }: Footprint): boolean {
  return guarded || ports.length > 0 || egress.families.length > 0;
}

/** In one line, for the store: it is written there before anything of it is in the kernel. */
export function formatFootprint(footprint: Footprint): string {
  const { hostEnd, mac, guarded } = footprint;
  const ports = footprint.ports.map(({ protocol, on, port, target, targetPort }) => [
    protocol,
    on ? formatAddress(on) : '',
    port,
    formatAddress(target),
    targetPort,
  ]);
  const addresses = footprint.addresses.map(formatAddress);
  const egress = { ...footprint.egress, exempt: footprint.egress.exempt.map(formatCidr) };
  return JSON.stringify({ hostEnd, mac, addresses, egress, guarded, ports });
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536;
}

function isProtocol(value: unknown): value is Protocol {
  return ['tcp', 'udp', 'sctp'].includes(String(value));
}

function parsePort(entry: unknown): HostPort[] {
  if (!Array.isArray(entry)) return [];
  const [protocol, host, port, address, targetPort] = entry as unknown[];
  const target = parseAddress(String(address));
  const on = parseAddress(String(host));
  const isWhole = isProtocol(protocol) && isPort(port) && isPort(targetPort) && target !== undefined;
  return isWhole && (host === '' || on) ? [{ protocol, on, port, target, targetPort }] : [];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function parseEgress(value: unknown): Egress {
  const { families, exempt } = Object(value) as Record<string, unknown>;
  return {
    families: listOf(families).filter((name) => name === 'IPv4' || name === 'IPv6'),
    exempt: listOf(exempt).flatMap((range) => parseCidr(String(range)) ?? []),
  };
}

/** @returns undefined for a torn line, or one that is none: it goes into a program, so only what is whole counts. */
function parseFootprint(line: string): Footprint | undefined {
  try {
    const { hostEnd, mac, addresses, egress, guarded, ports } = JSON.parse(line) as Record<string, unknown>;
    if (typeof hostEnd !== 'string' || !/^[a-z0-9]{1,15}$/.test(hostEnd)) return undefined;
    if (typeof mac !== 'string' || !/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac)) return undefined;
    return {
      hostEnd,
      mac,
      addresses: listOf(addresses).flatMap((address) => parseAddress(String(address)) ?? []),
      egress: parseEgress(egress),
      guarded: guarded === true,
      ports: listOf(ports).flatMap(parsePort),
    };
  } catch {
    return undefined;
  }
}

/** Those that are whole. */
export function parseFootprints(records: readonly string[]): Footprint[] {
  return records.flatMap((record) => parseFootprint(record) ?? []);
}
