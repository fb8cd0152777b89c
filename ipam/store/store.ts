/** What an address is leased to: one interface of one container. */
export interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** A lease as it was found in the store. `ifname` is empty for what host-local wrote before its 0.8. */
export interface StoredLease {
  readonly address: string;
  readonly attachment: Attachment;
}

/**
 * What allocation needs of a store. The disk is behind it in the product, a map in tests.
 *
 * Addresses are canonical text: they are the names of files.
 */
export interface LeaseStore {
  /** Takes an address for the attachment. @returns false when somebody has it. */
  reserve(attachment: Attachment, address: string): boolean;
  /** Gives back an address that the attachment has taken and does not use after all. */
  giveBack(attachment: Attachment, address: string): void;
  /** Who has an address, in words. */
  holder(address: string): string | undefined;
  /** The address that a pool gave last, if it is known: a hint. */
  lastGiven(position: number): string | undefined;
  remember(attachment: Attachment, position: number, address: string): void;
  /** Every address that is taken. Costs what the number of leases costs: not for the usual way. */
  taken(): ReadonlySet<string>;
}
