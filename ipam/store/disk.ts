import { lstatSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { codes, errno, Failure, reason } from '../../conf/failure.ts';
import { describeAttachment, digestOf } from '../attachment.ts';
import {
  contentOf,
  createFile,
  exists,
  linkUnlessThere,
  makeOwnFolder,
  namesIn,
  replaceBy,
  sleep,
} from './files.ts';
import { ending, formatLease, type IndexEntry, isHeldBy, parseLease } from './lease-file.ts';
import { LeaseIndex, stateFolder } from './lease-index.ts';
import type { Attachment, LeaseStore, StoredLease } from './store.ts';

/** Where a network's leases are, and when: they end with the boot, as interfaces do. */
export interface StorePlace {
  readonly dataDir: string;
  readonly network: string;
  /** Of /proc/sys/kernel/random/boot_id (random(4)). */
  readonly bootID: string;
}

/** Judges a lease by what is left of its attachment: true when nothing is. */
export type IsDead = (attachment: Attachment, netns: string, identity: string | undefined) => boolean;

/** An attachment that the store knows, and its namespace's path; undefined when nobody said. */
export interface KnownAttachment {
  readonly attachment: Attachment;
  readonly netns: string | undefined;
}

/** How long a call waits for another that has the same attachment, in milliseconds: a removal takes some hundred. */
const patience = 15_000;

/** host-local writes a file right after it made it: one that is empty for longer belongs to nobody. */
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
 * Every step leaves a state that the next call understands, so nothing waits and nothing is locked: the index
 * names an address before it is taken, and a lease appears complete, by link(2), or not at all.
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
   * Begins a lease: from here on `release` knows what the attachment has.
   *
   * @throws {Failure} code 101 when the attachment has a lease, code 11 when another call is adding it, code 5 when the
   *   store cannot be written.
   */
  begin(attachment: Attachment, netns: string, identity?: string): void {
    this.#guarded('write', () => {
      this.#prepare();
      this.#alone('add', attachment, () => {
        const held = this.held(attachment);
        if (held.length > 0) throw alreadyLeased(attachment, held);
        if (this.#index.isBeingAdded(attachment)) throw busy('add', attachment);
        this.#index.begin(attachment, netns, identity);
      });
    });
  }

  /**
   * Whether all that was begun is the attachment's yet: the last step of an ADD.
   *
   * @throws {Failure} code 11 when a DEL has begun meanwhile, or has ended.
   */
  confirm(attachment: Attachment, addresses: readonly string[]): void {
    const entry = this.#index.entryOf(attachment);
    const isWhole = addresses.every((address) => this.holds(attachment, address));
    if (!entry || entry.ended || !isWhole) throw overtaken(attachment);
  }

  /**
   * Notes that a DEL begins: an ADD that is under way beside it will not be confirmed. Where nobody began, or nothing can
   * be written, no ADD gets anywhere either.
   */
  end(attachment: Attachment): void {
    try {
      this.#index.append(attachment, ending);
    } catch {
      // What is to be removed is removed all the same.
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
   * Notes what else the attachment is about to have: one line of JSON, before it has it.
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

  /** Whether an ADD that is no more began the attachment, and nothing is leased to it: it was killed. */
  isAbandoned(attachment: Attachment): boolean {
    const entry = this.#index.entryOf(attachment);
    return entry !== undefined && !this.#index.isBeingAdded(attachment) && this.held(attachment).length === 0;
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

  /** Who has the address; undefined when nobody has, or when the lease cannot be read. */
  holderOf(address: string): Attachment | undefined {
    return parseLease(contentOf(this.#pathOf(address)) ?? '');
  }

  holder(address: string): string | undefined {
    const attachment = this.holderOf(address);
    return attachment && describeAttachment(attachment);
  }

  /**
   * Runs `action` while nobody else adds or removes the attachment: all that a removal does to the kernel and to the store
   * is in there, so that nothing of a later ADD is met.
   *
   * @returns undefined, and nothing has run, when another call has the attachment and `isPatient` is false.
   * @throws {Failure} code 11 when another call is at it and does not come to an end.
   */
  async alone<T>(
    verb: string,
    attachment: Attachment,
    action: () => Promise<T>,
    isPatient = true,
  ): Promise<T | undefined> {
    if (!this.#index.isThere) return action();
    const claim = () => this.#guarded(verb, () => this.#index.claim(attachment));
    const late = performance.now() + patience;
    let giveBack = claim();
    while (!giveBack) {
      if (!isPatient) return undefined;
      if (performance.now() > late) throw busy(verb, attachment);
      await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 20));
      giveBack = claim();
    }
    try {
      return await action();
    } finally {
      giveBack();
    }
  }

  /** Removes all that the store has of an attachment. For who is alone with it. */
  forget(attachment: Attachment): void {
    this.#guarded('release', () => {
      this.#prepareToRemove();
      for (const path of this.#tracesOf(attachment)) rmSync(path, { force: true, recursive: true });
    });
  }

  /**
   * The same, alone.
   *
   * @throws {Failure} code 11 when another call is at it and does not come to an end.
   */
  release(attachment: Attachment): void {
    this.#guarded('release', () => {
      this.#prepareToRemove();
      if (this.#tracesOf(attachment).length === 0 && !this.#index.isClaimed(attachment)) return;
      this.#alone('release', attachment, () => this.forget(attachment));
    });
  }

  /** Where nothing was ever leased, nothing is made. */
  #prepareToRemove(): void {
    if (exists(this.#leases)) this.#prepare();
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

  /** Every lease that can be read, in no order. Costs what the number of leases costs, as do those below. */
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
    const leased = this.list().map(({ attachment }) => ({ attachment, netns: '' }));
    const byDigest = new Map(
      [...leased, ...this.#index.entries()].map((known) => [digestOf(known.attachment), known]),
    );
    return [...byDigest.values()].map(({ attachment, netns }) => ({ attachment, netns: netns || undefined }));
  }

  /** Whether the attachment may have a link: what only lends addresses notes the namespace instead. */
  wires(attachment: Attachment): boolean {
    return this.#index.entryOf(attachment)?.identity === undefined;
  }

  /** Whether an attachment is provably dead, and not forgotten yet. */
  isDead(attachment: Attachment): boolean {
    const entry = this.#index.entryOf(attachment);
    return entry !== undefined && this.#isDeadEntry(entry);
  }

  /** Those whom nothing is left of. Only the index knows namespaces, so nobody else is provably dead. */
  dead(): Attachment[] {
    const entries = this.#index.entries().filter((entry) => this.#isDeadEntry(entry));
    return entries.map(({ attachment }) => attachment);
  }

  #isDeadEntry({ attachment, netns, identity }: IndexEntry): boolean {
    return netns !== '' && this.#isDead(attachment, netns, identity);
  }

  /** Whether there is something that an ADD would remove to make room: of the leases, it reads those alone that the index does not name. */
  canReclaim(): boolean {
    const entries = this.#index.entries();
    if (entries.some((entry) => this.#isDeadEntry(entry))) return true;
    const named = new Set(entries.flatMap(({ addresses }) => addresses));
    return [...this.taken()].some((address) => !named.has(address) && this.holderOf(address) === undefined);
  }

  /** Removes empty, torn and foreign files that have the name of an address. @returns how many. */
  removeUnreadable(): number {
    const unreadable = () => [...this.taken()].filter((address) => this.holderOf(address) === undefined);
    const suspects = new Set(unreadable());
    if (suspects.size === 0) return 0;
    sleep(emptyForMilliseconds);
    const found = unreadable().filter((address) => suspects.has(address));
    return found.filter((address) => this.#removeUnreadableLease(address)).length;
  }

  /** Removes what killed calls left and nobody will ask for: nothing may be under way beside it. */
  tidy(): void {
    this.#guarded('tidy', () => {
      if (!exists(this.#leases)) return;
      this.removeUnreadable();
      this.#index.tidy();
    });
  }

  /** Tries whether a lease could be written. @throws {Failure} code 5 when not. */
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

  /** Also when the lease cannot be read: the index says whose it is. */
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
    return this.#index.claimed({ containerID: '', ifname: address }, () => {
      if (this.holderOf(address) === undefined)
        rmSync(this.#pathOf(address), { force: true, recursive: true });
    });
  }

  /** Makes the folders. The first call ever adopts host-local's leases, that of a boot ends those of earlier ones. */
  #prepare(): void {
    makeOwnFolder(dirname(this.#leases), true);
    makeOwnFolder(this.#leases);
    this.#index.endEarlierBoots((entry) => this.#end(entry));
    this.#index.prepare();
    this.#index.adoptOnce(() => this.#adopt());
  }

  /** Leases that were there before us enter the index, so that DEL finds them and the next boot ends them. */
  #adopt(): void {
    const found = new Map<string, { attachment: Attachment; addresses: string[] }>();
    for (const { attachment, address } of this.list()) {
      const digest = digestOf(attachment);
      const holding = found.get(digest) ?? { attachment, addresses: [] };
      holding.addresses.push(address);
      found.set(digest, holding);
    }
    for (const { attachment, addresses } of found.values()) {
      if (!this.#index.entryOf(attachment)) this.#index.enter(attachment, addresses);
    }
  }

  #end(entry: IndexEntry): void {
    const ofThisBoot = new Set(this.#index.entryOf(entry.attachment)?.addresses);
    const ended = entry.addresses.filter((address) => !ofThisBoot.has(address));
    for (const address of ended.filter((address) => this.holds(entry.attachment, address))) {
      rmSync(this.#pathOf(address), { force: true });
    }
  }

  /** @throws {Failure} code 11 when another call is at it and does not come to an end. */
  #alone(verb: string, attachment: Attachment, action: () => void): void {
    const late = performance.now() + patience;
    while (!this.#index.claimed(attachment, action)) {
      if (performance.now() > late) throw busy(verb, attachment);
      sleep(1 + Math.random() * 10);
    }
  }

  /** What an ADD writes goes with its entry, which a DEL that comes meanwhile takes away. */
  #adding<T>(attachment: Attachment, action: () => T): T {
    return this.#guarded('write', () => {
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

function alreadyLeased(attachment: Attachment, held: readonly string[]): Failure {
  return new Failure(codes.inUse, `${describeAttachment(attachment)} already has ${held.join(' and ')}`, {
    details: 'a second ADD of the same attachment: DEL it first',
  });
}

function busy(verb: string, attachment: Attachment): Failure {
  return new Failure(codes.tryAgain, `${verb} ${describeAttachment(attachment)}: another call is at it`, {
    details: 'try again when it has ended',
  });
}

function overtaken(attachment: Attachment): Failure {
  return new Failure(codes.tryAgain, `add ${describeAttachment(attachment)}: a DEL came meanwhile`, {
    details: 'whoever wants it still is to add it again',
  });
}
