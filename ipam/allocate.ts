import { codes, Failure } from '../conf/failure.ts';
import { type Address, formatAddress } from '../conf/family.ts';
import { capacity, describePool, handsOut, type Pool, type Span, spanOf, successor } from './pool.ts';
import type { Preference } from './preference.ts';
import type { Attachment, LeaseStore } from './store/store.ts';

/** An address of a pod, and its gateway. */
export interface Endpoint {
  readonly address: Address;
  readonly gateway: Address;
}

/** One address of a lease. */
export interface LeasedAddress extends Endpoint {
  /** Length of its subnet's prefix, in bits. */
  readonly prefix: number;
}

export interface Lease {
  /** In the order in which they are reported. */
  readonly addresses: readonly LeasedAddress[];
  readonly warnings: readonly string[];
}

/** No address is available now, but one can become available when its holder is removed. */
export class WithoutRoom extends Failure {
  /** Which addresses would do. */
  readonly wants: (address: string) => boolean;

  constructor(failure: Failure, wants: (address: string) => boolean) {
    super(failure.code, failure.message, { details: failure.details });
    this.wants = wants;
  }
}

/** After this number of taken addresses in a row, all taken addresses are read at once instead of one by one. */
const patience = 16;

/** The addresses of a pool, each once, starting after the last one that was assigned. */
function* candidates(pool: Pool, last: bigint | undefined): Generator<bigint> {
  const start = successor(pool, last);
  let value = start;
  do {
    yield value;
    value = successor(pool, value);
  } while (value !== start);
}

function leased(span: Span, value: bigint): LeasedAddress {
  const { family, prefix } = span.subnet;
  return { address: { family, value }, prefix, gateway: span.gateway };
}

/** Takes addresses from one pool for one attachment. */
class Taker {
  readonly #pool: Pool;
  readonly #store: LeaseStore;
  readonly #attachment: Attachment;

  constructor(pool: Pool, store: LeaseStore, attachment: Attachment) {
    this.#pool = pool;
    this.#store = store;
    this.#attachment = attachment;
  }

  #try(value: bigint): LeasedAddress | undefined {
    const span = spanOf(this.#pool, value);
    if (!span) return undefined;
    const text = this.#pool.family.format(value);
    return this.#store.reserve(this.#attachment, text) ? leased(span, value) : undefined;
  }

  /**
   * The address that the runtime asked for.
   *
   * @throws {Failure} code 7 outside the pool.
   * @throws {WithoutRoom} code 101 when it is taken.
   */
  exactly(requested: Address): LeasedAddress {
    const text = formatAddress(requested);
    if (!spanOf(this.#pool, requested.value)) {
      throw new Failure(
        codes.configuration,
        `${text} was requested, but ${describePool(this.#pool)} does not assign it`,
      );
    }
    const taken = this.#try(requested.value);
    if (taken) return taken;
    const holder = this.#store.holder(text) ?? 'somebody';
    const failure = new Failure(codes.inUse, `${text} was requested, but ${holder} has it`);
    throw new WithoutRoom(failure, (address) => address === text);
  }

  /** The address with this host number in the first subnet in which it is free; none without a number. */
  paired(number: bigint | undefined): LeasedAddress | undefined {
    if (number === undefined) return undefined;
    for (const subnet of this.#pool.subnets) {
      const taken = this.#try(subnet.base + number);
      if (taken) return taken;
    }
    return undefined;
  }

  /** The next free address. */
  next(): LeasedAddress | undefined {
    const last = this.#store.lastGiven(this.#pool.position);
    let known: ReadonlySet<string> | undefined;
    let tried = 0;
    for (const value of candidates(
      this.#pool,
      last === undefined ? undefined : this.#pool.family.parse(last),
    )) {
      if (tried++ === patience) known = this.#store.taken();
      if (known?.has(this.#pool.family.format(value))) continue;
      const taken = this.#try(value);
      if (taken) return taken;
    }
    return undefined;
  }
}

function hostNumber(pool: Pool, given: LeasedAddress): bigint {
  return given.address.value - (spanOf(pool, given.address.value)?.subnet.base ?? 0n);
}

function exhausted(pool: Pool): WithoutRoom {
  const failure = new Failure(
    codes.exhausted,
    `no ${pool.family.name} address is left in ${describePool(pool)}`,
    {
      details: `all ${capacity(pool)} are leased, and none to a pod that is gone: delete pods, or give the node a larger podCIDR`,
    },
  );
  return new WithoutRoom(failure, (address) => handsOut(pool, address));
}

/**
 * @throws {Failure} code 7 for an address of a family that the pod does not get, and for a second address of a family.
 */
function rejectMisplaced(requested: readonly Address[], preference: Preference): void {
  requested.forEach((address, index) => {
    const text = formatAddress(address);
    if (!preference.pools.some((pool) => pool.family === address.family)) {
      throw new Failure(
        codes.configuration,
        `${text} was requested, but the pod gets no ${address.family.name} address`,
      );
    }
    if (requested.slice(0, index).some((other) => other.family === address.family)) {
      throw new Failure(
        codes.configuration,
        `${text} was requested as a second ${address.family.name} address: a pod gets one`,
      );
    }
  });
}

/**
 * Assigns an attachment one address from each preferred pool. The second family first tries the host number of the
 * first (10.244.1.7, fd00:10:244:1::7).
 *
 * @param requested addresses that the runtime requests, at most one of each family.
 * @throws {WithoutRoom} code 100 when a pool has none left; a lenient preference warns instead while another family has
 *   an address. Code 101 for a requested address that somebody has. Then nothing stays taken.
 * @throws {Failure} code 7 for a requested address that no pool assigns.
 */
export function allocate(
  preference: Preference,
  store: LeaseStore,
  attachment: Attachment,
  requested: readonly Address[] = [],
): Lease {
  rejectMisplaced(requested, preference);
  const given = new Map<Pool, LeasedAddress>();
  try {
    return take(preference, store, attachment, requested, given);
  } catch (error) {
    for (const { address } of given.values()) store.giveBack(attachment, formatAddress(address));
    throw error;
  }
}

/** @param given filled with what was taken, also if this function throws. */
function take(
  preference: Preference,
  store: LeaseStore,
  attachment: Attachment,
  requested: readonly Address[],
  given: Map<Pool, LeasedAddress>,
): Lease {
  const failures: Failure[] = [];
  let number: bigint | undefined;
  for (const pool of [...preference.pools].sort((a, b) => a.family.bits - b.family.bits)) {
    const taker = new Taker(pool, store, attachment);
    const wanted = requested.find(({ family }) => family === pool.family);
    const taken = wanted ? taker.exactly(wanted) : (taker.paired(number) ?? taker.next());
    if (!taken) {
      failures.push(exhausted(pool));
      continue;
    }
    given.set(pool, taken);
    if (!wanted) store.remember(attachment, pool.position, formatAddress(taken.address));
    number ??= hostNumber(pool, taken);
  }
  const [failure] = failures;
  if (failure && (!preference.lenient || given.size === 0)) throw failure;
  const addresses = preference.pools.flatMap((pool) => given.get(pool) ?? []);
  return { addresses, warnings: [...preference.warnings, ...failures.map(({ message }) => message)] };
}
