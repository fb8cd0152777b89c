import type { Attachment, LeaseStore } from '../../ipam/store/store.ts';

/** Leases in a map: stands in for the disk. */
export class MemoryStore implements LeaseStore {
  readonly leases = new Map<string, string>();
  /** How often all leases were looked at. */
  scans = 0;
  readonly #lastGiven = new Map<number, string>();

  reserve(attachment: Attachment, address: string): boolean {
    if (this.leases.has(address)) return false;
    this.leases.set(address, attachment.containerID);
    return true;
  }

  giveBack(_: Attachment, address: string): void {
    this.leases.delete(address);
  }

  /** Gives back all that a container has. */
  release({ containerID }: Attachment): void {
    for (const [address, holder] of this.leases) if (holder === containerID) this.leases.delete(address);
  }

  holder(address: string): string | undefined {
    return this.leases.get(address);
  }

  lastGiven(position: number): string | undefined {
    return this.#lastGiven.get(position);
  }

  remember(_: Attachment, position: number, address: string): void {
    this.#lastGiven.set(position, address);
  }

  taken(): ReadonlySet<string> {
    this.scans++;
    return new Set(this.leases.keys());
  }
}
