import { existsSync } from 'node:fs';
import type { Attachment } from '../../ipam/store/store.ts';
import { isHeld, isNamespace } from './namespace.ts';
import { candidateNames } from './naming.ts';

/** Whether our network namespace has an interface of this name: every one has its settings there. */
export function linkExists(name: string): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${name}`);
}

/**
 * Whether an attachment is provably dead: its network namespace is gone, and so is its host end. Starts no process. An
 * attachment whose namespace is not known is never provably dead.
 *
 * @param identity of the namespace, for an attachment without a host end: then nothing may hold it any more, wherever
 *   its path leads.
 */
export function isProvablyDead(attachment: Attachment, netns: string, identity?: string): boolean {
  if (netns === '') return false;
  // The path may lead to another namespace by now: process IDs are used again.
  if (identity === undefined ? isNamespace(netns) : isHeld(identity)) return false;
  return !candidateNames(attachment).some(({ hostEnd }) => linkExists(hostEnd));
}
