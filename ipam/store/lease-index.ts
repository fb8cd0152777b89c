import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { digestOf } from '../attachment.ts';
import { isAlive, isClaimed, removeDeadClaims, thisProcess, withClaim } from './claim.ts';
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
  writtenAt,
} from './files.ts';
import { formatEntryHead, type IndexEntry, inheritance, parseEntry } from './lease-file.ts';
import type { Attachment } from './store.ts';

const claimsFolder = 'claims';
const adoptedFolder = 'adopted';
const damageMark = 'damaged';

/** In a `dataDir`, beside the networks' own folders. */
export const stateFolder = '.dualstack';

/** An entry, and the network whose it is. */
export interface NetworkEntry extends IndexEntry {
  readonly network: string;
}

/** The entries of this boot of every network that has its leases in a folder, the oldest first. */
export function entriesOfAllNetworks(dataDir: string, bootID: string): NetworkEntry[] {
  const state = `${dataDir}/${stateFolder}`;
  const found = namesIn(state).flatMap((network) => {
    const index = new LeaseIndex(`${state}/${network}`, bootID);
    return index
      .entries()
      .map((entry) => ({ ...entry, network, since: writtenAt(index.pathOf(entry.attachment)) }));
  });
  return found.sort((one, other) => one.since - other.since);
}

/**
 * What each attachment of this boot has, found without looking through the leases.
 *
 *     <state>/<boot ID>/<digest>        an entry (lease-file.ts)
 *     <state>/<boot ID>/<digest>.new    a file before it is linked or renamed into place
 *     <state>/<boot ID>/damaged         says that something of what the entries note is missing
 *     <state>/claims/                   who is removing what (claim.ts)
 *     <state>/adopted/                  says that leases from before us are in the index
 */
export class LeaseIndex {
  readonly #state: string;
  readonly #bootID: string;

  constructor(state: string, bootID: string) {
    this.#state = state;
    this.#bootID = bootID;
  }

  /** Where the attachment's entry is, or would be. */
  pathOf(attachment: Attachment): string {
    return `${this.#state}/${this.#bootID}/${digestOf(attachment)}`;
  }

  entryOf(attachment: Attachment): IndexEntry | undefined {
    return parseEntry(contentOf(this.pathOf(attachment)) ?? '');
  }

  /** Where it is noted that something of what the entries note is missing. */
  get damageMark(): string {
    return `${this.#state}/${this.#bootID}/${damageMark}`;
  }

  /**
   * Writes an entry anew, with no address. What an earlier one had beside addresses is inherited: it stays in place
   * until this one is complete, also on a full disk.
   */
  begin(attachment: Attachment, netns: string): void {
    const left = this.entryOf(attachment);
    const inherited = [...(left?.inherited ?? []), ...(left?.records ?? [])];
    const lines = inherited.map((record) => `${inheritance}${record}\n`);
    const path = this.pathOf(attachment);
    createFile(`${path}.new`, formatEntryHead(attachment, netns, thisProcess()) + lines.join(''));
    replaceBy(`${path}.new`, path);
  }

  /** Enters what an attachment has had from others, all at once: several calls may do so at a time. */
  enter(attachment: Attachment, addresses: readonly string[]): void {
    const content = [formatEntryHead(attachment, '', ''), ...addresses.map((address) => `${address}\n`)].join(
      '',
    );
    createFile(this.pathOf(attachment), content);
  }

  /** Adds a line to an entry that is there: one that a DEL has taken away meanwhile does not come back. */
  append(attachment: Attachment, line: string): void {
    appendToFile(this.pathOf(attachment), `${line}\n`);
  }

  has(attachment: Attachment): boolean {
    return exists(this.pathOf(attachment));
  }

  /** Whether another living process is at adding the attachment. */
  isBeingAdded(attachment: Attachment): boolean {
    const { owner = '' } = this.entryOf(attachment) ?? {};
    return owner !== thisProcess() && isAlive(owner);
  }

  /** Every entry of this boot, in no order. */
  entries(): IndexEntry[] {
    return this.#entriesOf(this.#bootID).flatMap(({ entry }) => entry ?? []);
  }

  /** Makes the folder of this boot when it is the first call to, and sees that all above it are ours alone. */
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

  /** Removes torn entries, files that never got to their place, and the claims of dead processes. */
  tidy(): void {
    const folder = `${this.#state}/${this.#bootID}`;
    const torn = this.#entriesOf(this.#bootID).filter(({ name, entry }) => !entry && name !== damageMark);
    for (const { name } of torn) rmSync(`${folder}/${name}`, { force: true });
    removeDeadClaims(`${this.#state}/${claimsFolder}`);
  }

  /** Runs `action` unless another process is removing what is the attachment's. @returns whether it ran. */
  claimed(attachment: Attachment, action: () => void): boolean {
    return this.#claimed(digestOf(attachment), action);
  }

  /** Whether somebody is removing what is the attachment's, or was killed at it. */
  isClaimed(attachment: Attachment): boolean {
    return isClaimed(`${this.#state}/${claimsFolder}`, digestOf(attachment));
  }

  #claimed(key: string, action: () => void): boolean {
    return withClaim(`${this.#state}/${claimsFolder}`, key, action);
  }

  #boots(): string[] {
    return namesIn(this.#state).filter((name) => name !== claimsFolder && name !== adoptedFolder);
  }

  #entriesOf(boot: string): { name: string; entry: IndexEntry | undefined }[] {
    const folder = `${this.#state}/${boot}`;
    return namesIn(folder).map((name) => ({ name, entry: parseEntry(contentOf(`${folder}/${name}`) ?? '') }));
  }
}
