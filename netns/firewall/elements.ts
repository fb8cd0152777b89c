import { formatAddress } from '../../conf/family.ts';
import type { Footprint, HostPort } from './footprint.ts';
import { suffixOf, tableName } from './table.ts';

/** One element of a set, or of a map: then with what it maps to. */
export interface Listed {
  readonly set: string;
  readonly key: string;
  readonly value?: string;
}

/** An element of ours. */
export interface Element extends Listed {
  /** What it is, for people. */
  readonly meaning: string;
  /** The host port that it publishes. */
  readonly port?: HostPort;
}

function guards({ hostEnd, mac, addresses, guarded }: Footprint): Element[] {
  if (!guarded) return [];
  const link = `"${hostEnd}"`;
  return [
    ...addresses.map((address) => ({
      set: `sources_${suffixOf(address.family)}`,
      key: `${link} . ${mac} . ${formatAddress(address)}`,
      meaning: `permission of ${hostEnd} to send from ${formatAddress(address)}`,
    })),
    { set: 'owners', key: `${link} . ${mac}`, meaning: `permission of ${hostEnd} to send from ${mac}` },
    { set: 'guarded', key: link, meaning: `source check of ${hostEnd}` },
  ];
}

/** The host's port as people write it: `192.0.2.10:8080/tcp`, `*:8080/tcp`, `[2001:db8::10]:53/udp`. */
export function describePort({ on, port, protocol }: HostPort): string {
  const text = on ? formatAddress(on) : '*';
  return `${text.includes(':') ? `[${text}]` : text}:${port}/${protocol}`;
}

function published(port: HostPort): Element {
  const key = `${port.protocol} . ${port.port}`;
  const suffix = suffixOf(port.target.family);
  return {
    set: port.on ? `ports_on_${suffix}` : `ports_${suffix}`,
    key: port.on ? `${formatAddress(port.on)} . ${key}` : key,
    value: `${formatAddress(port.target)} . ${port.targetPort}`,
    meaning: `host port ${describePort(port)} to ${formatAddress(port.target)}`,
    port,
  };
}

/** The elements of an attachment; what lets its packets pass comes before what checks them. */
export function elementsOf(footprint: Footprint): Element[] {
  const link = `"${footprint.hostEnd}"`;
  const hairpin = {
    set: 'hairpins',
    key: `${link} . ${link}`,
    meaning: `way of ${footprint.hostEnd} to its own host ports`,
  };
  return [
    ...(footprint.ports.length > 0 ? [hairpin] : []),
    ...footprint.ports.map(published),
    ...guards(footprint),
  ];
}

function entry({ key, value }: Listed): string {
  return value === undefined ? key : `${key} : ${value}`;
}

/** A line of `nft -f -`. Adding what is there already is no error, unless it maps to something else. */
export function addLine(element: Listed): string {
  return `add element ${tableName} ${element.set} { ${entry(element)} }\n`;
}

/** What deletes an element, whether it is there or not; one that maps to something else is an error. One line. */
export function deleteLine(element: Listed): string {
  return `${addLine(element).trimEnd()}; delete element ${tableName} ${element.set} { ${element.key} }\n`;
}

/** What has an element map to what it should, whatever it maps to. One line. */
export function replaceLine(element: Element): string {
  return `delete element ${tableName} ${element.set} { ${element.key} }; ${addLine(element)}`;
}

/** What asks for an element, by its key. */
export function getLine(element: Element): string {
  return `get element ${tableName} ${element.set} { ${element.key} }\n`;
}

/**
 * The elements of a listing, by set and key, with what they map to:
 *
 *     map ports_ipv4 {
 *         type inet_proto . inet_service : ipv4_addr . inet_service
 *         elements = { tcp . 80 : 10.1.1.1 . 80,
 *                      tcp . 81 : 10.1.1.1 . 80 }
 */
export class ListedElements {
  readonly #values: ReadonlyMap<string, string>;
  readonly #all: readonly Listed[];

  constructor(text: string) {
    const sets = text.matchAll(/^\t(?:set|map) (\S+) \{\n[^}]*?\t\telements = \{([^}]*)\}/gm);
    this.#all = [...sets].flatMap(([, set = '', list = '']) =>
      list.split(',').map((entry) => {
        const [key = '', value] = entry.trim().split(' : ');
        return { set, key, ...(value !== undefined && { value }) };
      }),
    );
    this.#values = new Map(this.#all.map((element) => [nameOf(element), element.value ?? '']));
  }

  all(): readonly Listed[] {
    return this.#all;
  }

  has(element: Element): boolean {
    return this.#values.get(nameOf(element)) === (element.value ?? '');
  }

  /** The address that the element's key maps to, whosever it is. */
  targetOf(element: Element): string | undefined {
    return this.#values.get(nameOf(element))?.split(' . ')[0];
  }
}

/** The element's place in the table: there is one element there, whatever it maps to. */
export function nameOf({ set, key }: Listed): string {
  return `${set} ${key}`;
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
