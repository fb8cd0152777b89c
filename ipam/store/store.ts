/** What an address is leased to: one interface of one container. */
export interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** A lease from the store. `ifname` is empty if host-local wrote it before version 0.8. */
export interface StoredLease {
  readonly address: string;
  readonly attachment: Attachment;
}

/**
 * What allocation needs from a store. The product uses the disk, and tests use a map.
 *
 * Addresses are canonical text: they are the names of files.
 */
export interface LeaseStore {
  /** Takes an address for the attachment. @returns false when it is taken. */
  reserve(attachment: Attachment, address: string): boolean;
  /** Releases an address that the attachment has taken but does not use. */
  giveBack(attachment: Attachment, address: string): void;
  /** Who has an address, in words. */
  holder(address: string): string | undefined;
  /** The last address that a pool assigned, if known: a hint. */
  lastGiven(position: number): string | undefined;
  remember(attachment: Attachment, position: number, address: string): void;
  /** All taken addresses. The cost grows with the number of leases, so do not use it in normal calls. */
  taken(): ReadonlySet<string>;
}
