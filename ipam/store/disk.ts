import { lstatSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { codes, errno, Failure, reason } from '../../conf/failure.ts';
import { describeAttachment, digestOf } from '../attachment.ts';
import { isLater } from './claim.ts';
import {
  contentOf,
  createFile,
  exists,
  linkUnlessThere,
  makeOwnFolder,
  namesIn,
  replaceBy,
} from './files.ts';
import {
  added,
  ending,
  formatLease,
  type IndexEntry,
  isHeldBy,
  type Origin,
  parseLease,
} from './lease-file.ts';
import { isBeingAdded, LeaseIndex, stateFolder } from './lease-index.ts';
import { Patience, pause } from './patience.ts';
import type { Attachment, LeaseStore, StoredLease } from './store.ts';

/** Where a network's leases are, and when: they end with the boot, as interfaces do. */
export interface StorePlace {
  readonly dataDir: string;
  readonly network: string;
  /** Of /proc/sys/kernel/random/boot_id (random(4)). */
  readonly bootID: string;
}

/** Chooses addresses. */
export type IsWanted = (address: string) => boolean;

/** Decides whether nothing is left of the attachment of a lease. */
export type IsDead = (attachment: Attachment, netns: string, identity: string | undefined) => boolean;

/** An attachment that the store knows, and the path of its namespace, if known. */
export interface KnownAttachment {
  readonly attachment: Attachment;
  readonly netns: string | undefined;
  /** The pod's whole name; undefined when nobody said. */
  readonly pod: string | undefined;
  /** Whether a call is at adding it. */
  readonly isBeingAdded: boolean;
}

/** How long a call waits for another call for the same attachment, in milliseconds. A removal takes a few hundred. */
const patience = 15_000;

/** host-local writes a file right after creating it, so a file that stays empty belongs to nobody. */
const emptyForMilliseconds = 100;

/** Enough to tell a lease from `lock` and `last_reserved_ip.0`, and quick enough for 60,000 of them. */
const looksLikeAddress = /^(?:[0-9.]+|[0-9a-f]*:[0-9a-f:]*)$/;

/**
 * The leases of one network on disk.
 *
 *     <dataDir>/<network>/<address>              a lease, as host-local has it
 *     <dataDir>/<network>/last_reserved_ip.<n>   where round robin goes on
 *     <dataDir>/.dualstack/<network>/            our index of them (lease-index.ts)
 *
 * After every step, the next call can understand the state, so there are no locks: the index names an address before it
 * is taken, and a lease appears complete, by link(2), or not at all.
 */
export class DiskStore implements LeaseStore {
  /** Where leases of networks are. */
  readonly dataDir: string;
  readonly #leases: string;
  readonly #index: LeaseIndex;
  readonly #isDead: IsDead;

  constructor(place: StorePlace, isDead: IsDead) {
    this.dataDir = place.dataDir;
    this.#leases = `${place.dataDir}/${place.network}`;
    this.#index = new LeaseIndex(`${place.dataDir}/${stateFolder}/${place.network}`, place.bootID);
    this.#isDead = isDead;
  }

  /**
   * Begins a lease. From now on, `forget` finds what the attachment has.
   *
   * @param removeAbandoned removes what a killed ADD without an address left.
   * @throws {Failure} code 101 when the attachment has a lease, code 11 when another call is adding it, code 5 when the
   *   store cannot be written.
   */
  async begin(
    attachment: Attachment,
    origin: Origin,
    removeAbandoned: () => Promise<unknown> = async () => undefined,
  ): Promise<void> {
    this.#guarded('write', () => this.#prepare());
    await this.alone('add', attachment, async () => {
      const held = this.held(attachment);
      if (held.length > 0) throw alreadyLeased(attachment, held);
      const entry = this.#index.entryOf(attachment);
      if (entry && isBeingAdded(entry)) throw busy('add', attachment);
      if (entry) await removeAbandoned();
      this.#guarded('write', () => this.#index.begin(attachment, origin));
    });
  }

  /**
   * Notes that the attachment is whole, if all that was begun is its yet: the last step of an ADD.
   *
   * @throws {Failure} code 11 when a DEL has begun meanwhile, or has ended; code 5 when the store cannot be written.
   */
  confirm(attachment: Attachment, addresses: readonly string[]): void {
    this.#adding(attachment, () => {
      const isWhole = addresses.every((address) => this.holds(attachment, address));
      if (!isWhole || this.#index.entryOf(attachment)?.ended) throw overtaken(attachment);
      this.#index.append(attachment, added);
    });
  }

  /**
   * Notes that a DEL begins: an ADD that is under way beside it will not be confirmed. Where nobody began, or nothing can
   * be written, no ADD gets anywhere either.
   */
  end(attachment: Attachment): void {
    try {
      this.#index.append(attachment, ending);
    } catch {
      // The removal continues anyway.
    }
  }

  reserve(attachment: Attachment, address: string): boolean {
    return this.#adding(attachment, () => {
      this.#index.append(attachment, address);
      const scratch = this.#index.scratchOf(attachment);
      createFile(scratch, formatLease(attachment));
      const taken = linkUnlessThere(scratch, this.#pathOf(address));
      rmSync(scratch);
      if (!taken) this.#index.append(attachment, `-${address}`);
      return taken;
    });
  }

  /**
   * Notes what the attachment gets next, as one line of JSON, before it gets it.
   *
   * @throws {Failure} code 5 when the store cannot be written.
   */
  record(attachment: Attachment, record: string): void {
    this.#adding(attachment, () => this.#index.append(attachment, record));
  }

  giveBack(attachment: Attachment, address: string): void {
    this.#adding(attachment, () => {
      if (this.holds(attachment, address)) rmSync(this.#pathOf(address), { force: true });
      this.#index.append(attachment, `-${address}`);
    });
  }

  /** What was noted for the attachment. */
  recordsOf(attachment: Attachment): readonly string[] {
    return this.#index.entryOf(attachment)?.records ?? [];
  }

  /** Whose the entry of an attachment is: of this call, of another, or there is none. */
  ownerOf(attachment: Attachment): 'own' | 'other' | 'none' {
    const entry = this.#index.entryOf(attachment);
    if (!entry) return 'none';
    return entry.owner === this.#index.owner ? 'own' : 'other';
  }

  /** The addresses that the attachment has, as far as the index knows. */
  held(attachment: Attachment): string[] {
    const addresses = this.#index.entryOf(attachment)?.addresses ?? [];
    return addresses.filter((address) => this.holds(attachment, address));
  }

  /** Whether the address is leased to the attachment. */
  holds(attachment: Attachment, address: string): boolean {
    const holder = this.holderOf(address);
    return holder !== undefined && isHeldBy(holder, attachment);
  }

  /** The holder of the address; undefined if there is none, or if the lease cannot be read. */
  holderOf(address: string): Attachment | undefined {
    return parseLease(contentOf(this.#pathOf(address)) ?? '');
  }

  holder(address: string): string | undefined {
    const attachment = this.holderOf(address);
    return attachment && describeAttachment(attachment);
  }

  /**
   * Runs `action` while no other call adds or removes the attachment. A removal changes the kernel and the store only
   * inside it, so it never touches a later ADD.
   *
   * @returns undefined, and nothing has run, when another call has the attachment and `isPatient` is false.
   * @throws {Failure} code 11 when another call is working on it and does not come to an end.
   */
  async alone<T>(
    verb: string,
    attachment: Attachment,
    action: () => Promise<T>,
    isPatient = true,
  ): Promise<T | undefined> {
    if (!this.#index.isThere) return action();
    const claim = () => this.#guarded(verb, () => this.#index.claim(attachment));
    const others = new Patience(patience);
    let giveBack = claim();
    while (!giveBack) {
      if (!isPatient) return undefined;
      if (others.isOver) throw busy(verb, attachment);
      await pause(8);
      giveBack = claim();
    }
    try {
      return await action();
    } finally {
      giveBack();
    }
  }

  /** Removes all that the store has of an attachment. For who is alone with it. Where nothing was leased, nothing is made. */
  forget(attachment: Attachment): void {
    this.#guarded('release', () => {
      if (exists(this.#leases)) this.#prepare();
      for (const path of this.#tracesOf(attachment)) rmSync(path, { force: true, recursive: true });
    });
  }

  /** Removes what is noted of an attachment, but not where it came from. For who is alone with it. */
  forgetAllButOrigin(attachment: Attachment): void {
    const origin = this.originOf(attachment);
    if (origin) this.#guarded('release', () => this.#index.enter(attachment, origin, []));
  }

  lastGiven(position: number): string | undefined {
    return contentOf(this.#lastGivenPath(position))?.trim();
  }

  remember(attachment: Attachment, position: number, address: string): void {
    this.#adding(attachment, () => {
      const scratch = this.#index.scratchOf(attachment);
      createFile(scratch, address);
      replaceBy(scratch, this.#lastGivenPath(position));
    });
  }

  taken(): ReadonlySet<string> {
    return new Set(namesIn(this.#leases).filter((name) => looksLikeAddress.test(name)));
  }

  /**
   * Every readable lease, in no particular order. The cost grows with the number of leases, as for the methods below.
   */
  list(): StoredLease[] {
    return [...this.taken()].flatMap((address) => {
      const attachment = this.holderOf(address);
      return attachment ? [{ address, attachment }] : [];
    });
  }

  /** When the address was taken, as far as the disk says. */
  takenAt(address: string): Date | undefined {
    return lstatSync(this.#pathOf(address), { throwIfNoEntry: false })?.mtime;
  }

  /** Everybody who has a lease or began one. */
  known(): KnownAttachment[] {
    const leased = this.list().map(({ attachment }) => ({
      attachment,
      netns: undefined,
      pod: undefined,
      isBeingAdded: false,
    }));
    const entered = this.#index.entries().map((entry) => ({
      attachment: entry.attachment,
      netns: entry.netns || undefined,
      pod: entry.pod,
      isBeingAdded: isBeingAdded(entry),
    }));
    return [...new Map([...leased, ...entered].map((known) => [digestOf(known.attachment), known])).values()];
  }

  /** Where an attachment came from, as far as the index knows. */
  originOf(attachment: Attachment): Origin | undefined {
    return this.#index.entryOf(attachment);
  }

  /** Whether an attachment is provably dead and still in the store. */
  isDead(attachment: Attachment): boolean {
    const entry = this.#index.entryOf(attachment);
    if (!entry) return false;
    const entries = entry.identity === undefined ? [entry] : this.#index.entries();
    return this.#isDeadEntry(entry, newestOfNamespaces(entries));
  }

  /**
   * Those whom nothing is left of. Only the index knows namespaces, so nobody else is provably dead.
   *
   * @param isWanted tells of which addresses they must have one; undefined: whatever they have.
   */
  dead(isWanted?: IsWanted): Attachment[] {
    const entries = this.#index.entries();
    const newest = newestOfNamespaces(entries);
    const dead = entries.filter(
      (entry) => (!isWanted || this.#hasWanted(entry, isWanted)) && this.#isDeadEntry(entry, newest),
    );
    return dead.map(({ attachment }) => attachment);
  }

  #hasWanted({ attachment, addresses }: IndexEntry, isWanted: IsWanted): boolean {
    return addresses.some((address) => isWanted(address) && this.#mayHold(attachment, address));
  }

  /**
   * A call that adds an attachment has its namespace open: the path may be gone, and the attachment is not dead. The kernel
   * uses the numbers of namespaces again: one that is another container's since tells nothing of this one.
   */
  #isDeadEntry(entry: IndexEntry, newest: ReadonlyMap<string, IndexEntry>): boolean {
    const { attachment, netns, identity } = entry;
    if (netns === '' || isBeingAdded(entry)) return false;
    const since = newest.get(identity ?? '')?.attachment.containerID ?? attachment.containerID;
    return this.#isDead(attachment, netns, since === attachment.containerID ? identity : undefined);
  }

  /**
   * Whether there is something that an ADD would remove to have one of these addresses: of the leases, it reads those alone
   * that the index does not name.
   */
  canReclaim(isWanted: IsWanted): boolean {
    if (this.dead(isWanted).length > 0) return true;
    const named = new Set(this.#index.entries().flatMap(({ addresses }) => addresses));
    return this.#unreadable((address) => isWanted(address) && !named.has(address)).length > 0;
  }

  #unreadable(isWanted: IsWanted): string[] {
    const isUnreadable = (address: string) => isWanted(address) && this.holderOf(address) === undefined;
    return this.#guarded('read', () => [...this.taken()].filter(isUnreadable));
  }

  /** Removes empty, torn and foreign files that have the name of such an address. @returns how many. */
  async removeUnreadable(isWanted: IsWanted = () => true): Promise<number> {
    const suspects = new Set(this.#unreadable(isWanted));
    if (suspects.size === 0) return 0;
    await pause(emptyForMilliseconds);
    const found = this.#unreadable((address) => suspects.has(address));
    return found.filter((address) => this.#removeUnreadableLease(address)).length;
  }

  /** Removes leftovers of killed calls that no call will look for. It does not touch running calls. */
  async tidy(): Promise<void> {
    if (!exists(this.#leases)) return;
    await this.removeUnreadable();
    this.#guarded('tidy', () => this.#index.tidy());
  }

  /** Checks whether a lease could be written. @throws {Failure} code 5 when not. */
  probe(): void {
    this.#guarded('write', () => {
      this.#prepare();
      const scratch = this.#index.scratchOf({ containerID: 'probe', ifname: '' });
      createFile(scratch, 'probe');
      rmSync(scratch);
    });
  }

  #pathOf(address: string): string {
    return `${this.#leases}/${address}`;
  }

  #lastGivenPath(position: number): string {
    return `${this.#leases}/last_reserved_ip.${position}`;
  }

  /** The files that are the attachment's: its leases, and then what the index has of it. */
  #tracesOf(attachment: Attachment): string[] {
    const entry = this.#index.entryOf(attachment);
    const addresses = entry
      ? entry.addresses.filter((address) => this.#mayHold(attachment, address))
      : this.#scanFor(attachment);
    const files = [...addresses.map((address) => this.#pathOf(address)), this.#index.pathOf(attachment)];
    return [...files.filter((file) => exists(file)), ...this.#index.scratchesOf(attachment)];
  }

  /** Even if the lease cannot be read, because the index knows its holder. */
  #mayHold(attachment: Attachment, address: string): boolean {
    const holder = this.holderOf(address);
    return holder === undefined || isHeldBy(holder, attachment);
  }

  /** For what the index does not know: made beside us, by host-local, or released before. */
  #scanFor(attachment: Attachment): string[] {
    const leases = this.list().filter((lease) => isHeldBy(lease.attachment, attachment));
    return leases.map((lease) => lease.address);
  }

  #removeUnreadableLease(address: string): boolean {
    const remove = () => {
      if (this.holderOf(address) === undefined)
        rmSync(this.#pathOf(address), { force: true, recursive: true });
    };
    return this.#guarded('tidy', () => this.#index.claimed({ containerID: '', ifname: address }, remove));
  }

  /**
   * Creates the folders. The very first call adopts host-local's leases, and the first call of a boot ends the leases
   * of earlier boots.
   */
  #prepare(): void {
    makeOwnFolder(dirname(this.#leases), true);
    makeOwnFolder(this.#leases);
    this.#index.endEarlierBoots((entry) => this.#end(entry));
    this.#index.prepare();
    this.#index.adoptOnce(() => this.#adopt());
  }

  /** Adds leases of host-local to the index, so that DEL finds them and the next boot ends them. */
  #adopt(): void {
    const found = new Map<string, { attachment: Attachment; addresses: string[] }>();
    for (const { attachment, address } of this.list()) {
      const digest = digestOf(attachment);
      const holding = found.get(digest) ?? { attachment, addresses: [] };
      holding.addresses.push(address);
      found.set(digest, holding);
    }
    for (const { attachment, addresses } of found.values()) {
      if (!this.#index.entryOf(attachment)) this.#index.enter(attachment, { netns: '' }, addresses);
    }
  }

  #end(entry: IndexEntry): void {
    const ofThisBoot = new Set(this.#index.entryOf(entry.attachment)?.addresses);
    const ended = entry.addresses.filter((address) => !ofThisBoot.has(address));
    for (const address of ended.filter((address) => this.holds(entry.attachment, address))) {
      rmSync(this.#pathOf(address), { force: true });
    }
  }

  /** What an ADD writes goes with its entry, which a DEL that comes meanwhile takes away, and a newer ADD replaces. */
  #adding<T>(attachment: Attachment, action: () => T): T {
    return this.#guarded('write', () => {
      if (this.ownerOf(attachment) !== 'own') throw overtaken(attachment);
      try {
        return action();
      } catch (error) {
        throw errno(error) === 'ENOENT' && !this.#index.has(attachment) ? overtaken(attachment) : error;
      }
    });
  }

  #guarded<T>(verb: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure(codes.io, `${verb} the lease store ${this.#leases}: ${reason(error)}`, {
        details: 'the folder that dataDir names must be writable by root, and have room',
        cause: error,
      });
    }
  }
}

/** Of those that noted the same namespace, the one that began last. */
function newestOfNamespaces(entries: readonly IndexEntry[]): ReadonlyMap<string, IndexEntry> {
  const newest = new Map<string, IndexEntry>();
  for (const entry of entries) {
    const { identity, owner } = entry;
    if (identity === undefined) continue;
    const other = newest.get(identity);
    if (!other || isLater(owner, other.owner)) newest.set(identity, entry);
  }
  return newest;
}

function alreadyLeased(attachment: Attachment, held: readonly string[]): Failure {
  return new Failure(codes.inUse, `${describeAttachment(attachment)} already has ${held.join(' and ')}`, {
    details: 'a second ADD of the same attachment: DEL it first',
  });
}

function busy(verb: string, attachment: Attachment): Failure {
  return new Failure(
    codes.tryAgain,
    `${verb} ${describeAttachment(attachment)}: another call is working on it`,
    {
      details: 'try again when it has ended',
    },
  );
}

function overtaken(attachment: Attachment): Failure {
  return new Failure(codes.tryAgain, `add ${describeAttachment(attachment)}: a DEL came in the meantime`, {
    details: 'whoever wants it still is to add it again',
  });
}
