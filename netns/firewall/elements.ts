import { type Address, formatAddress } from '../../conf/family.ts';
import { linkLocal } from '../link/naming.ts';
import { egressChain } from './egress.ts';
import type { Footprint, HostPort } from './footprint.ts';
import { suffixOf } from './table.ts';

/** One element of a set, or of a map: then with what it maps to. Each field is as nft prints it, without quotes. */
export interface Listed {
  readonly set: string;
  readonly key: readonly string[];
  /** Fields, or `jump` and the name of a chain. */
  readonly value?: readonly string[];
}

/** An element, and for one of ours what it means to people. */
export interface Element extends Listed {
  readonly meaning?: string;
  /** The host port that it publishes. */
  readonly port?: HostPort;
}

/** As nft writes a number: in decimal as far as 64 bits go. */
function numberOf({ family, value }: Address): string {
  return family.bits > 64 ? `0x${value.toString(16)}` : `${value}`;
}

function guards({ hostEnd, mac, addresses, guarded }: Footprint): Element[] {
  if (!guarded)
    return [{ set: 'unguarded', key: [hostEnd], meaning: `freedom of ${hostEnd} to send from any address` }];
  return [
    ...addresses.map((address) => ({
      set: `blamed_${suffixOf(address.family)}`,
      key: [hostEnd, numberOf(address)],
      meaning: `permission of ${hostEnd} to report errors of packets to ${formatAddress(address)}`,
    })),
    ...addresses.map((address) => ({
      set: `sources_${suffixOf(address.family)}`,
      key: [hostEnd, mac, formatAddress(address)],
      meaning: `permission of ${hostEnd} to send from ${formatAddress(address)}`,
    })),
    ...[linkLocal(mac), '::'].map((source) => ({
      set: 'link_sources',
      key: [hostEnd, mac, source],
      meaning: `permission of ${hostEnd} to discover neighbours from ${source}`,
    })),
    { set: 'guarded', key: [hostEnd], meaning: `source check of ${hostEnd}` },
  ];
}

/** What lets packets come by the links of the default routes. Names that nft cannot take are left out. */
export function uplinkElements(uplinks: readonly string[]): Element[] {
  const plain = uplinks.filter((link) => /^[\w.:@-]+$/.test(link));
  return plain.map((link) => ({ set: 'uplinks', key: [link] }));
}

/** The host's port as people write it: `192.0.2.10:8080/tcp`, `*:8080/tcp`, `[2001:db8::10]:53/udp`. */
export function describePort({ on, port, protocol }: HostPort): string {
  const text = on ? formatAddress(on) : '*';
  return `${text.includes(':') ? `[${text}]` : text}:${port}/${protocol}`;
}

function published(port: HostPort): Element {
  const suffix = suffixOf(port.target.family);
  const key = [port.protocol, `${port.port}`];
  return {
    set: port.on ? `ports_on_${suffix}` : `ports_${suffix}`,
    key: port.on ? [formatAddress(port.on), ...key] : key,
    value: [formatAddress(port.target), `${port.targetPort}`],
    meaning: `host port ${describePort(port)} to ${formatAddress(port.target)}`,
    port,
  };
}

/** What lets packets leave the node with its address, for each address that is masqueraded. */
function masqueraded({ hostEnd, addresses, egress }: Footprint): Element[] {
  const due = addresses.filter(({ family }) => egress.families.includes(family.name));
  return due.map((address) => ({
    set: `egress_${suffixOf(address.family)}`,
    key: [hostEnd, formatAddress(address)],
    value: ['jump', egressChain(egress).name],
    meaning: `masquerade of ${formatAddress(address)}`,
  }));
}

/** The elements of an attachment. Those that allow its packets come before those that check them. */
export function elementsOf(footprint: Footprint): Element[] {
  const { hostEnd } = footprint;
  const hairpin = {
    set: 'hairpins',
    key: [hostEnd, hostEnd],
    meaning: `way of ${hostEnd} to its own host ports`,
  };
  return [
    ...(footprint.ports.length > 0 ? [hairpin] : []),
    ...footprint.ports.map(published),
    ...masqueraded(footprint),
    ...guards(footprint),
  ];
}

/** In which of nft's sets and maps the first fields are names of interfaces, which it wants in quotes. */
const linksFirst: Readonly<Record<string, number>> = {
  guarded: 1,
  unguarded: 1,
  uplinks: 1,
  blamed: 1,
  link_sources: 1,
  hairpins: 2,
  sources: 1,
  egress: 1,
};

/** As it stands between the brackets of nft's commands: `"vethds0123456ab" . 10.0.0.2 : jump egress_4f`. */
export function formatElement({ set, key, value }: Listed): string {
  const links = linksFirst[set.replace(/_ipv[46]$/, '')] ?? 0;
  const fields = key.map((field, index) => (index < links ? `"${field}"` : field)).join(' . ');
  if (!value) return fields;
  return `${fields} : ${value[0] === 'jump' ? value.join(' ') : value.join(' . ')}`;
}

/** The element's place in the table. A place has one element, whatever it maps to. */
export function nameOf({ set, key }: Listed): string {
  return [set, ...key].join(' ');
}

/** Those that none before has the key of. */
export function withoutDuplicates(elements: readonly Element[]): Element[] {
  const first = new Map<string, Element>();
  for (const element of elements) {
    const name = nameOf(element);
    if (!first.has(name)) first.set(name, element);
  }
  return [...first.values()];
}

function keyAndValue(element: Element): string {
  return [nameOf(element), ...(element.value ?? [])].join(' ');
}

/** The elements of footprints, without those that are also others'. */
export function elementsWithout(footprints: readonly Footprint[], others: readonly Footprint[]): Element[] {
  const kept = new Set(others.flatMap(elementsOf).map(keyAndValue));
  return footprints.flatMap(elementsOf).filter((element) => !kept.has(keyAndValue(element)));
}
