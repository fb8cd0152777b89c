import type { DiskStore } from '../../../ipam/store/disk.ts';
import type { Attachment, LeaseStore } from '../../../ipam/store/store.ts';

/** Stands in for the store on disk: what it would answer, with nothing written, when the dead have been removed. */
export class PreviewStore implements LeaseStore {
  readonly #store: DiskStore;
  readonly #taken: Set<string>;

  constructor(store: DiskStore) {
    this.#store = store;
    const dead = new Set(store.dead().flatMap((attachment) => store.held(attachment)));
    this.#taken = new Set([...store.taken()].filter((address) => !dead.has(address)));
  }

  reserve(_: Attachment, address: string): boolean {
    if (this.#taken.has(address)) return false;
    this.#taken.add(address);
    return true;
  }

  giveBack(): void {}

  holder(address: string): string | undefined {
    return this.#store.holder(address);
  }

  lastGiven(position: number): string | undefined {
    return this.#store.lastGiven(position);
  }

  remember(): void {}

  taken(): ReadonlySet<string> {
    return this.#taken;
  }
}
