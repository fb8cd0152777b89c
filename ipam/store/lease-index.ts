import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { digestOf } from '../attachment.ts';
import { claim, isAlive, isLater, newOwner, removeDeadClaims, withClaim } from './claim.ts';
import {
  appendToFile,
  contentOf,
  createFile,
  exists,
  makeFolder,
  makeOwnFolder,
  namesIn,
  removeFolderIfEmpty,
  replaceBy,
} from './files.ts';
import { formatEntryHead, type IndexEntry, type Origin, parseEntry } from './lease-file.ts';
import type { Attachment } from './store.ts';

const claimsFolder = 'claims';
const adoptedFolder = 'adopted';

/** In a `dataDir`, beside the networks' own folders. */
export const stateFolder = '.dualstack';

/** An entry, and the network whose it is. */
export interface NetworkEntry extends IndexEntry {
  readonly network: string;
  /** Where the network has its leases. */
  readonly dataDir: string;
}

/** Whether a call that runs is at adding an attachment yet. One process may serve many calls: its end is not theirs. */
export function isBeingAdded({ owner, added, ended }: IndexEntry): boolean {
  return !added && !ended && isAlive(owner);
}

/** Those that were added whole come first, and of each the one that began first: what two of them note is the first one's. */
function inOrder(one: IndexEntry, other: IndexEntry): number {
  if (one.added !== other.added) return one.added ? -1 : 1;
  return Number(isLater(one.owner, other.owner)) - Number(isLater(other.owner, one.owner));
}

/**
 * The entries of this boot of every network that has its leases in one of the folders, the oldest first. Clocks and times of
 * files say nothing of that: both change.
 */
export function entriesOfAllNetworks(dataDirs: readonly string[], bootID: string): NetworkEntry[] {
  const found = dataDirs.flatMap((dataDir) => {
    const state = `${dataDir}/${stateFolder}`;
    return namesIn(state).flatMap((network) => entriesOf(dataDir, network, `${state}/${network}`, bootID));
  });
  return found.sort(inOrder);
}

function entriesOf(dataDir: string, network: string, state: string, bootID: string) {
  const index = new LeaseIndex(state, bootID);
  return index.entries().map((entry) => ({ ...entry, network, dataDir }));
}

/**
 * What each attachment of this boot has, found without looking through the leases.
 *
 *     <state>/<boot ID>/<digest>          an entry (lease-file.ts)
 *     <state>/<boot ID>/<digest>.<owner>  a file before it is linked or renamed into place
 *     <state>/claims/                     who is adding or removing what (claim.ts)
 *     <state>/adopted/                    says that leases from before us are in the index
 */
export class LeaseIndex {
  readonly #state: string;
  readonly #bootID: string;
  /** Of all that this call adds or claims. */
  readonly owner = newOwner();

  constructor(state: string, bootID: string) {
    this.#state = state;
    this.#bootID = bootID;
  }

  /** Whether the network ever had an attachment. */
  get isThere(): boolean {
    return exists(this.#state);
  }

  /** Where the attachment's entry is, or would be. */
  pathOf(attachment: Attachment): string {
    return `${this.#state}/${this.#bootID}/${digestOf(attachment)}`;
  }

  /** Where a file of the attachment is written, before it is linked or renamed into place. */
  scratchOf(attachment: Attachment): string {
    return `${this.pathOf(attachment)}.${this.owner}`;
  }

  /** Such files of whatever call: one that was killed has left its own, with or without an entry. */
  scratchesOf(attachment: Attachment): string[] {
    const path = this.pathOf(attachment);
    const folder = dirname(path);
    const isScratch = (name: string) => `${folder}/${name}`.startsWith(`${path}.`);
    return namesIn(folder)
      .filter(isScratch)
      .map((name) => `${folder}/${name}`);
  }

  entryOf(attachment: Attachment): IndexEntry | undefined {
    return parseEntry(contentOf(this.pathOf(attachment)) ?? '');
  }

  /** Writes an entry that is ours, with no address. */
  begin(attachment: Attachment, origin: Origin): void {
    this.#write(attachment, formatEntryHead(attachment, origin, this.owner));
  }

  #write(attachment: Attachment, content: string): void {
    createFile(this.scratchOf(attachment), content);
    replaceBy(this.scratchOf(attachment), this.pathOf(attachment));
  }

  /** Writes a complete entry for an attachment that no call is adding. Several calls can do this at the same time. */
  enter(attachment: Attachment, origin: Origin, addresses: readonly string[]): void {
    const lines = addresses.map((address) => `${address}\n`).join('');
    this.#write(attachment, formatEntryHead(attachment, origin, '') + lines);
  }

  /** Appends a line to an existing entry. It does not recreate an entry that a DEL has removed. */
  append(attachment: Attachment, line: string): void {
    appendToFile(this.pathOf(attachment), `${line}\n`);
  }

  has(attachment: Attachment): boolean {
    return exists(this.pathOf(attachment));
  }

  /** Every entry of this boot, in no order. */
  entries(): IndexEntry[] {
    return this.#entriesOf(this.#bootID).flatMap(({ entry }) => entry ?? []);
  }

  /**
   * Creates the folder of this boot if it does not exist, and makes sure that nobody else can write to the folders
   * above it.
   */
  prepare(): void {
    for (const folder of [dirname(this.#state), this.#state, `${this.#state}/${this.#bootID}`]) {
      makeOwnFolder(folder);
    }
  }

  /** Has `adopt` enter the leases that were there before us; begun again if it was killed, and done once. */
  adoptOnce(adopt: () => void): void {
    const done = `${this.#state}/${adoptedFolder}`;
    if (exists(done)) return;
    adopt();
    makeFolder(done);
  }

  /** Has `end` finish off each entry of earlier boots, then forgets it. */
  endEarlierBoots(end: (entry: IndexEntry) => void): void {
    for (const boot of this.#boots().filter((name) => name !== this.#bootID)) {
      for (const { name, entry } of this.#entriesOf(boot)) {
        this.#claimed(entry ? digestOf(entry.attachment) : name, () => {
          if (entry) end(entry);
          rmSync(`${this.#state}/${boot}/${name}`, { force: true });
        });
      }
      removeFolderIfEmpty(`${this.#state}/${boot}`);
    }
  }

  /** Removes what calls that were killed left: files that never got to their place, torn entries, and claims. */
  tidy(): void {
    const folder = `${this.#state}/${this.#bootID}`;
    for (const name of namesIn(folder).filter((name) => this.#isLeftOver(name))) {
      // An entry that is gone reads like a torn one: the next ADD of its attachment may be writing it.
      this.#claimed(name.split('.', 1)[0] ?? name, () => {
        if (this.#isLeftOver(name)) rmSync(`${folder}/${name}`, { force: true, recursive: true });
      });
    }
    removeDeadClaims(this.#claims);
  }

  #isLeftOver(name: string): boolean {
    const dot = name.indexOf('.');
    if (dot !== -1) return !isAlive(name.slice(dot + 1));
    return parseEntry(contentOf(`${this.#state}/${this.#bootID}/${name}`) ?? '') === undefined;
  }

  /** Claims what is the attachment's. @returns what gives the claim back; undefined when another call has it. */
  claim(attachment: Attachment): (() => void) | undefined {
    return claim(this.#claims, digestOf(attachment), this.owner);
  }

  /** Runs `action` unless another call has claimed what is the attachment's. @returns whether it ran. */
  claimed(attachment: Attachment, action: () => void): boolean {
    return this.#claimed(digestOf(attachment), action);
  }

  #claimed(key: string, action: () => void): boolean {
    return withClaim(this.#claims, key, action, this.owner);
  }

  get #claims(): string {
    return `${this.#state}/${claimsFolder}`;
  }

  #boots(): string[] {
    return namesIn(this.#state).filter((name) => name !== claimsFolder && name !== adoptedFolder);
  }

  #entriesOf(boot: string): { name: string; entry: IndexEntry | undefined }[] {
    const folder = `${this.#state}/${boot}`;
    const names = namesIn(folder).filter((name) => !name.includes('.'));
    return names.map((name) => ({ name, entry: parseEntry(contentOf(`${folder}/${name}`) ?? '') }));
  }
}

/** Of every attachment of this boot, whatever its entry says: their names are all that is read. */
export function digestsOfAllNetworks(dataDirs: readonly string[], bootID: string): string[] {
  return dataDirs.flatMap((dataDir) => {
    const state = `${dataDir}/${stateFolder}`;
    return namesIn(state).flatMap((network) => namesIn(`${state}/${network}/${bootID}`));
  });
}
