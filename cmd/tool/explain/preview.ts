import type { DiskStore } from '../../../ipam/store/disk.ts';
import type { Attachment, LeaseStore } from '../../../ipam/store/store.ts';

/** Stands in for the store on disk: what it would answer, with nothing written. */
export class PreviewStore implements LeaseStore {
  readonly #store: DiskStore;
  readonly #taken: Set<string>;
  #isReclaimed = false;

  constructor(store: DiskStore) {
    this.#store = store;
    this.#taken = new Set(store.taken());
  }

  reserve(_: Attachment, address: string): boolean {
    if (this.#taken.has(address)) return false;
    this.#taken.add(address);
    return true;
  }

  release(): void {}

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

  reclaim(): boolean {
    const dead = this.#isReclaimed ? [] : this.#store.dead();
    this.#isReclaimed = true;
    for (const address of dead.flatMap((attachment) => this.#store.held(attachment)))
      this.#taken.delete(address);
    return dead.length > 0;
  }
}
