import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { codes, errno, Failure, reason } from '../conf/failure.ts';
import { digestOf } from './attachment.ts';
import { namesIn, withClaim } from './claim.ts';
import {
  formatEntryHead,
  formatLease,
  type IndexEntry,
  isHeldBy,
  parseEntry,
  parseLease,
} from './lease-file.ts';
import type { Attachment, LeaseStore, StoredLease } from './store.ts';

/** Where a network's leases are, and when: they end with the boot, as interfaces do. */
export interface StorePlace {
  readonly dataDir: string;
  readonly network: string;
  /** Of /proc/sys/kernel/random/boot_id (random(4)). */
  readonly bootID: string;
}

/** Judges a lease by what is left of its attachment: true when nothing is. */
export type IsDead = (attachment: Attachment, netns: string) => boolean;

const folderMode = 0o700;
const fileMode = 0o600;

/** host-local writes a file right after it made it: one that is empty for longer belongs to nobody. */
const emptyForMilliseconds = 100;

/** Enough to tell a lease from `lock` and `last_reserved_ip.0`, and quick enough for 60,000 of them. */
const looksLikeAddress = /^(?:[0-9.]+|[0-9a-f]*:[0-9a-f:]*)$/;

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'EISDIR') return undefined;
    throw error;
  }
}

/**
 * The leases of one network on disk.
 *
 *     <dataDir>/<network>/<address>                             a lease, as host-local has it
 *     <dataDir>/<network>/last_reserved_ip.<n>                  where round robin goes on
 *     <dataDir>/.dualstack/<network>/<boot ID>/<digest>         index: what an attachment has
 *     <dataDir>/.dualstack/<network>/<boot ID>/<digest>.new     a file before it is linked or renamed into place
 *     <dataDir>/.dualstack/<network>/claims/                    who is removing what (claim.ts)
 *
 * Every step leaves a state that the next call understands, so nothing waits and nothing is locked: the index
 * names an address before it is taken, and a lease appears complete, by link(2), or not at all.
 */
export class DiskStore implements LeaseStore {
  readonly #leases: string;
  readonly #state: string;
  readonly #index: string;
  readonly #isDead: IsDead;

  constructor(place: StorePlace, isDead: IsDead) {
    this.#leases = `${place.dataDir}/${place.network}`;
    this.#state = `${place.dataDir}/.dualstack/${place.network}`;
    this.#index = `${this.#state}/${place.bootID}`;
    this.#isDead = isDead;
  }

  /**
   * Begins a lease: from here on `release` knows what the attachment has.
   *
   * @throws {Failure} code 101 when the attachment has a lease, code 5 when the store cannot be written.
   */
  begin(attachment: Attachment, netns: string): void {
    this.#guarded('write', () => {
      this.#prepare();
      const held = this.held(attachment);
      if (held.length > 0) throw alreadyLeased(attachment, held);
      writeFileSync(this.#entryPath(attachment), formatEntryHead(attachment, netns), { mode: fileMode });
    });
  }

  reserve(attachment: Attachment, address: string): boolean {
    return this.#guarded('write', () => {
      const entry = this.#entryPath(attachment);
      appendFileSync(entry, `${address}\n`);
      const scratch = `${entry}.new`;
      writeFileSync(scratch, formatLease(attachment), { mode: fileMode });
      const taken = linkUnlessThere(scratch, `${this.#leases}/${address}`);
      rmSync(scratch);
      if (!taken) appendFileSync(entry, `-${address}\n`);
      return taken;
    });
  }

  /** The addresses that the attachment has. */
  held(attachment: Attachment): string[] {
    const entry = this.#entryOf(attachment);
    return entry ? entry.addresses.filter((address) => this.#holds(attachment, address)) : [];
  }

  /** @throws {Failure} code 11 when another call is at it and does not come to an end. */
  release(attachment: Attachment): void {
    this.#guarded('release', () => {
      if (!existsSync(this.#leases)) return;
      this.#prepare();
      if (this.#tracesOf(attachment).length === 0) return;
      for (let tries = 0; tries < 100; tries++) {
        if (withClaim(this.#claims(), digestOf(attachment), () => this.#remove(attachment))) return;
        sleep(1 + Math.random() * 10);
      }
      throw new Failure(codes.tryAgain, `release ${describe(attachment)}: another call is releasing it`);
    });
  }

  lastGiven(position: number): string | undefined {
    return contentOf(`${this.#leases}/last_reserved_ip.${position}`)?.trim();
  }

  remember(attachment: Attachment, position: number, address: string): void {
    this.#guarded('write', () => {
      const scratch = `${this.#entryPath(attachment)}.new`;
      writeFileSync(scratch, address, { mode: fileMode });
      renameSync(scratch, `${this.#leases}/last_reserved_ip.${position}`);
    });
  }

  taken(): ReadonlySet<string> {
    return new Set(namesIn(this.#leases).filter((name) => looksLikeAddress.test(name)));
  }

  /** Every lease that can be read, in no order. Costs what the number of leases costs. */
  list(): StoredLease[] {
    return [...this.taken()].flatMap((address) => {
      const attachment = this.#holderOf(address);
      return attachment ? [{ address, attachment }] : [];
    });
  }

  reclaim(): boolean {
    const dead = this.list().filter(({ attachment }) => {
      const netns = this.#entryOf(attachment)?.netns;
      return netns !== undefined && this.#isDead(attachment, netns);
    });
    for (const { attachment } of dead) this.release(attachment);
    return this.#removeUnreadable() || dead.length > 0;
  }

  #claims(): string {
    return `${this.#state}/claims`;
  }

  #entryPath(attachment: Attachment): string {
    return `${this.#index}/${digestOf(attachment)}`;
  }

  #entryOf(attachment: Attachment): IndexEntry | undefined {
    return parseEntry(contentOf(this.#entryPath(attachment)) ?? '');
  }

  #holderOf(address: string): Attachment | undefined {
    return parseLease(contentOf(`${this.#leases}/${address}`) ?? '');
  }

  #holds(attachment: Attachment, address: string): boolean {
    const holder = this.#holderOf(address);
    return holder !== undefined && isHeldBy(holder, attachment);
  }

  /** Under the attachment's claim: nobody else removes its files, so none can be another's by now. */
  #remove(attachment: Attachment): void {
    for (const path of this.#tracesOf(attachment)) rmSync(path, { force: true, recursive: true });
  }

  /** The files that are the attachment's: its leases, and then what the index has of it. */
  #tracesOf(attachment: Attachment): string[] {
    const path = this.#entryPath(attachment);
    const entry = this.#entryOf(attachment);
    const addresses = entry
      ? entry.addresses.filter((address) => this.#mayHold(attachment, address))
      : this.#scanFor(attachment);
    const files = [...addresses.map((address) => `${this.#leases}/${address}`), `${path}.new`, path];
    return files.filter((file) => existsSync(file));
  }

  /** Also when the lease cannot be read: the index says whose it is. */
  #mayHold(attachment: Attachment, address: string): boolean {
    const holder = this.#holderOf(address);
    return holder === undefined || isHeldBy(holder, attachment);
  }

  /** For what the index does not know: made beside us, by host-local, or released before. */
  #scanFor(attachment: Attachment): string[] {
    return this.list()
      .filter((lease) => isHeldBy(lease.attachment, attachment))
      .map((lease) => lease.address);
  }

  #removeUnreadable(): boolean {
    const unreadable = () => [...this.taken()].filter((address) => this.#holderOf(address) === undefined);
    const suspects = new Set(unreadable());
    if (suspects.size === 0) return false;
    sleep(emptyForMilliseconds);
    const found = unreadable().filter((address) => suspects.has(address));
    return found.some((address) => this.#removeUnreadableLease(address));
  }

  #removeUnreadableLease(address: string): boolean {
    return withClaim(this.#claims(), digestOf({ containerID: '', ifname: address }), () => {
      if (this.#holderOf(address) === undefined)
        rmSync(`${this.#leases}/${address}`, { force: true, recursive: true });
    });
  }

  /** Makes the folders. The first call of a boot ends the leases of earlier ones, or adopts host-local's. */
  #prepare(): void {
    const boots = namesIn(this.#state).filter((name) => name !== 'claims');
    const current = this.#index.slice(this.#state.length + 1);
    if (!boots.includes(current)) {
      mkdirSync(this.#leases, { recursive: true, mode: folderMode });
      mkdirSync(this.#index, { recursive: true, mode: folderMode });
      if (boots.length === 0) this.#adopt();
    }
    for (const boot of boots) if (boot !== current) this.#endBoot(`${this.#state}/${boot}`);
  }

  /** Leases that were there before us enter the index, so that DEL finds them and the next boot ends them. */
  #adopt(): void {
    for (const { attachment, address } of this.list()) {
      const path = this.#entryPath(attachment);
      if (!existsSync(path)) writeFileSync(path, formatEntryHead(attachment, ''), { mode: fileMode });
      appendFileSync(path, `${address}\n`);
    }
  }

  #endBoot(folder: string): void {
    for (const name of namesIn(folder)) {
      const entry = parseEntry(contentOf(`${folder}/${name}`) ?? '');
      const remove = () => {
        if (entry) this.#end(entry);
        rmSync(`${folder}/${name}`, { force: true });
      };
      withClaim(this.#claims(), entry ? digestOf(entry.attachment) : name, remove);
    }
    removeFolder(folder);
  }

  #end(entry: IndexEntry): void {
    const ofThisBoot = new Set(this.#entryOf(entry.attachment)?.addresses);
    for (const address of entry.addresses) {
      if (!ofThisBoot.has(address) && this.#holds(entry.attachment, address)) {
        rmSync(`${this.#leases}/${address}`, { force: true });
      }
    }
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

function linkUnlessThere(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Another call may be ending the same boot: who is last removes the folder. */
function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (errno(error) !== 'ENOTEMPTY' && errno(error) !== 'ENOENT') throw error;
  }
}

function describe(attachment: Attachment): string {
  return `container ${attachment.containerID}, interface ${attachment.ifname}`;
}

function alreadyLeased(attachment: Attachment, held: readonly string[]): Failure {
  return new Failure(codes.inUse, `${describe(attachment)} already has ${held.join(' and ')}`, {
    details: 'a second ADD of the same attachment: DEL it first',
  });
}
