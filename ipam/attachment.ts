import { createHash } from 'node:crypto';
import type { Attachment } from './store/store.ts';

/**
 * 64 hexadecimal digits that identify an attachment where a name of fixed length is needed: a file of the index, a
 * link, a MAC address. Neither field can contain the NUL that separates them.
 */
export function digestOf(attachment: Attachment): string {
  return createHash('sha256').update(`${attachment.containerID}\0${attachment.ifname}`).digest('hex');
}

/** For messages: `eth0 of container 4a1f…`. */
export function describeAttachment({ containerID, ifname }: Attachment): string {
  return `${ifname} of container ${containerID}`;
}
