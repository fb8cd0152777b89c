import { isName } from '../../conf/name.ts';
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
  return isName(containerID) ? { containerID, ifname } : undefined;
}

/** Whether a lease is the attachment's; one without an interface belongs to the whole container. */
export function isHeldBy(holder: Attachment, attachment: Attachment): boolean {
  return (
    holder.containerID === attachment.containerID &&
    (holder.ifname === '' || holder.ifname === attachment.ifname)
  );
}

/** What is known about an attachment before it has anything. */
export interface Origin {
  /** Path of its network namespace; empty when it is not known. */
  readonly netns: string;
  /** Which namespace that is, where no link on the host tells whether it lives; undefined when nobody asked. */
  readonly identity?: string | undefined;
  /** The IPAM plugin that gave it addresses; undefined: they are of our pools. */
  readonly delegate?: string | undefined;
  /** The pod's whole name, for people: `default/web-0`; undefined when nobody told. */
  readonly pod?: string | undefined;
}

/** What the index knows about an attachment: a hint that is checked against the lease files. */
export interface IndexEntry extends Origin {
  readonly attachment: Attachment;
  /** The call that adds it, or did (claim.ts); empty when it was there before us. */
  readonly owner: string;
  /** Whether its ADD is complete. */
  readonly added: boolean;
  /** Whether a DEL has begun, so that its ADD must not continue. */
  readonly ended: boolean;
  /** Addresses that it has, or was about to take when its call was killed. */
  readonly addresses: readonly string[];
  /** What else it has, or was about to have: lines of JSON that the store does not interpret. */
  readonly records: readonly string[];
}

/** Of an attachment whose ADD has done all it had to. */
export const added = '+';

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
 *     +
 *     !
 */
export function formatEntryHead(attachment: Attachment, origin: Origin, owner: string): string {
  const { netns, identity, delegate, pod } = origin;
  return `${JSON.stringify({ ...attachment, netns, owner, identity, delegate, pod })}\n`;
}

/** @returns undefined when the head is torn: nothing was taken under such an entry. */
export function parseEntry(content: string): IndexEntry | undefined {
  const [head = '', ...lines] = content.split('\n');
  const parsed = parseHead(head);
  if (!parsed) return undefined;
  const addresses = new Set<string>();
  // In order, because an address that was taken by others can later become free and be taken.
  for (const line of lines) {
    if (line.startsWith('-')) addresses.delete(line.slice(1));
    else if (/^[0-9a-f.:]+$/.test(line)) addresses.add(line);
  }
  return {
    ...parsed,
    added: lines.includes(added),
    ended: lines.includes(ending),
    addresses: [...addresses],
    records: lines.filter((line) => line.startsWith('{')),
  };
}

function parseHead(head: string): (Origin & Pick<IndexEntry, 'attachment' | 'owner'>) | undefined {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  try {
    const { containerID, ifname, netns, owner, ...more } = JSON.parse(head) as Record<string, unknown>;
    if (typeof containerID !== 'string' || typeof ifname !== 'string' || typeof netns !== 'string')
      return undefined;
    return {
      attachment: { containerID, ifname },
      netns,
      owner: text(owner) ?? '',
      identity: text(more['identity']),
      delegate: text(more['delegate']),
      pod: text(more['pod']),
    };
  } catch {
    return undefined;
  }
}
