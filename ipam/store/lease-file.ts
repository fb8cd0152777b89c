import type { Attachment } from './store.ts';

/**
 * The content of a lease file, as host-local writes it (plugins/ipam/host-local/backend/disk):
 *
 *     4a1f…9c\r\neth0
 */
export function formatLease(attachment: Attachment): string {
  return `${attachment.containerID}\r\n${attachment.ifname}`;
}

/** @returns undefined for an empty, torn or foreign file. Before host-local 0.8 the interface was not written. */
export function parseLease(content: string): Attachment | undefined {
  const [containerID = '', ifname = ''] = content.trimEnd().split('\r\n');
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerID) ? { containerID, ifname } : undefined;
}

/** Whether a lease is the attachment's; one without an interface belongs to the whole container. */
export function isHeldBy(holder: Attachment, attachment: Attachment): boolean {
  return (
    holder.containerID === attachment.containerID &&
    (holder.ifname === '' || holder.ifname === attachment.ifname)
  );
}

/** What the index knows of an attachment: a hint, held against the lease files. */
export interface IndexEntry {
  readonly attachment: Attachment;
  /** Path of its network namespace; empty when it is not known. */
  readonly netns: string;
  /** The call that adds it, or did (claim.ts); empty when it was there before us. */
  readonly owner: string;
  /** Whether a DEL has begun: what adds it must not go on. */
  readonly ended: boolean;
  /** Addresses that it has, or was about to take when it was stopped. */
  readonly addresses: readonly string[];
  /** What else it has, or was about to have: lines of JSON that are not the store's to understand. */
  readonly records: readonly string[];
  /** Which namespace it is, where no link on the host tells whether it lives; undefined when nobody asked. */
  readonly identity: string | undefined;
}

/** Of an attachment whose DEL has begun. */
export const ending = '!';

/**
 * An entry of the index. Lines are only added: an address before it is taken, and again with a minus sign when it
 * turns out that somebody else has it.
 *
 *     {"containerID":"4a1f…9c","ifname":"eth0","netns":"/run/netns/cni-7d…","owner":"4711.123456.1"}
 *     10.244.1.7
 *     fd00:10:244:1::7
 *     -fd00:10:244:1::7
 *     fd00:10:244:1::8
 *     {"hostEnd":"vethds70ce6f240",…}
 *     !
 */
export function formatEntryHead(
  attachment: Attachment,
  netns: string,
  owner: string,
  identity?: string,
): string {
  return `${JSON.stringify({ ...attachment, netns, owner, identity })}\n`;
}

/** @returns undefined when the head is torn: nothing was taken under such an entry. */
export function parseEntry(content: string): IndexEntry | undefined {
  const [head = '', ...lines] = content.split('\n');
  const parsed = parseHead(head);
  if (!parsed) return undefined;
  const addresses = new Set<string>();
  // In order: an address that was refused may have become free, and been taken, later on.
  for (const line of lines) {
    if (line.startsWith('-')) addresses.delete(line.slice(1));
    else if (/^[0-9a-f.:]+$/.test(line)) addresses.add(line);
  }
  return {
    ...parsed,
    ended: lines.includes(ending),
    addresses: [...addresses],
    records: lines.filter((line) => line.startsWith('{')),
  };
}

function parseHead(
  head: string,
): Pick<IndexEntry, 'attachment' | 'netns' | 'owner' | 'identity'> | undefined {
  try {
    const { containerID, ifname, netns, owner = '', identity } = JSON.parse(head) as Record<string, unknown>;
    if (typeof containerID !== 'string' || typeof ifname !== 'string' || typeof netns !== 'string')
      return undefined;
    return {
      attachment: { containerID, ifname },
      netns,
      owner: String(owner),
      identity: typeof identity === 'string' ? identity : undefined,
    };
  } catch {
    return undefined;
  }
}
