import { parseAddress } from '../../conf/family.ts';
import { ask, ping, type Server, serve, type Transport } from '../lab/probes.ts';
import type { Place } from './scene.ts';
import type { Screen } from './screen.ts';
import { sentence } from './sentence.ts';

/** Packets from one place to another. */
export interface Flow {
  readonly from: Place;
  readonly to: Place;
  /** What the other end must see as their source, one address of each family. */
  readonly seenAs: readonly string[];
}

/** A place's servers, one for each transport. */
export type Servers = Readonly<Record<Transport, Server>>;

const transports = ['tcp', 'udp'] as const;
const columns = [18, 9, 12, 7, 7] as const;

function columnsOf(cells: readonly string[]): string {
  return `  ${cells.map((cell, index) => cell.padEnd(columns[index] ?? 0)).join('')}`;
}

export function header(): string {
  return columnsOf(['first packets', 'family', 'ICMP', 'TCP', 'UDP', 'the other end sees']);
}

function familyOf(address: string): string {
  return parseAddress(address)?.family.name ?? 'none';
}

/** One line of the table: a cell for each probe, in the order in which they are made. */
class Row {
  readonly problems: string[] = [];
  readonly #screen: Screen;
  readonly #title: string;
  readonly #cells: string[];

  readonly #goOn: () => void;

  constructor(screen: Screen, flow: Flow, address: string, goOn: () => void) {
    this.#screen = screen;
    this.#goOn = goOn;
    this.#title = `${flow.from.name} → ${flow.to.name}, ${familyOf(address)}`;
    this.#cells = [`${flow.from.name} → ${flow.to.name}`, familyOf(address)];
    this.#show();
  }

  #show(): void {
    this.#screen.pending(columnsOf([...this.#cells, '…']));
  }

  /** Padded by hand: colours take no room. */
  #cell(isGood: boolean, text: string): void {
    const width = (columns[this.#cells.length] ?? 0) - 1;
    this.#cells.push(`${this.#screen.tick(isGood)}${text.padEnd(width)}`);
    this.#show();
  }

  /** @param probe gives what is written into the cell, or throws. */
  async probe(what: string, probe: () => Promise<string>): Promise<void> {
    this.#goOn();
    try {
      this.#cell(true, await probe());
    } catch (error) {
      // A probe that was interrupted proves nothing.
      this.#goOn();
      this.problems.push(`${this.#title}: ${what}: ${sentence(error)}`);
      this.#cell(false, '');
    }
  }

  settle(seen: readonly string[]): void {
    this.#screen.settle(columnsOf([...this.#cells, seen.join(', ')]).trimEnd());
  }
}

/** ping has no words for it. */
function echo({ namespace }: Place, to: string): Promise<number> {
  return ping(namespace, to).catch((cause) => {
    throw new Error(`no answer from ${to} within a second`, { cause });
  });
}

async function probeAddress(
  screen: Screen,
  flow: Flow,
  to: string,
  servers: Servers,
  goOn: () => void,
): Promise<string[]> {
  const row = new Row(screen, flow, to, goOn);
  const { namespace } = flow.from;
  const expected = flow.seenAs.find((address) => familyOf(address) === familyOf(to));
  const seen = new Set<string>();
  await row.probe('ICMP', async () => ` ${await echo(flow.from, to)} ms`);
  for (const transport of transports) {
    await row.probe(transport.toUpperCase(), async () => {
      const source = await ask(namespace, transport, to, servers[transport].port);
      seen.add(source);
      if (source !== expected) throw new Error(`seen as ${source}, and not as ${expected}`);
      return '';
    });
  }
  row.settle([...seen]);
  return row.problems;
}

/**
 * Sends the first packets of a flow, to each address of its target, and fills in a row of the table for each.
 * Nothing is sent twice: what has no answer within a second is a problem.
 *
 * @param goOn throws when the work is to end here.
 * @returns the problems, in words.
 */
export async function show(
  screen: Screen,
  flow: Flow,
  servers: Servers,
  goOn: () => void,
): Promise<string[]> {
  const problems: string[] = [];
  for (const address of flow.to.addresses) {
    problems.push(...(await probeAddress(screen, flow, address, servers, goOn)));
  }
  return problems;
}

/** Starts the servers of a place; they end when the stack is disposed of. */
export async function startServers(place: Place, stack: AsyncDisposableStack): Promise<Servers> {
  const [tcp, udp] = await Promise.all([serve(place.namespace, 'tcp'), serve(place.namespace, 'udp')]);
  stack.use(tcp);
  stack.use(udp);
  return { tcp, udp };
}
