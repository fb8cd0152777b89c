import { codes, Failure } from '../../conf/failure.ts';
import type { DiskStore } from '../../ipam/store/disk.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import type { Host } from '../cni/call.ts';
import { removeWhole } from './removal.ts';

/** How long an ADD waits while others remove the dead, in milliseconds. */
const patience = 30_000;

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Removes a dead attachment whole, unless another call is at it. Its DEL never came, or comes later and finds nothing.
 *
 * @returns whether it was removed, by this call.
 */
export async function bury(store: DiskStore, attachment: Attachment, host: Host): Promise<boolean> {
  const release = async () => undefined;
  const remove = async () => {
    if (!store.isDead(attachment)) return false;
    const hasLink = store.wires(attachment);
    await removeWhole({ store, attachment, hasLink, footprints: [], release }, host);
    return true;
  };
  return (await store.alone('remove', attachment, remove, false)) ?? false;
}

/** One of the dead, a random one first, so that several calls share the work. @returns whether there was one left to do. */
async function buryOne(store: DiskStore, dead: readonly Attachment[], host: Host): Promise<boolean> {
  const start = Math.floor(Math.random() * dead.length);
  for (const attachment of [...dead.slice(start), ...dead.slice(0, start)]) {
    if (await bury(store, attachment, host)) return true;
  }
  return false;
}

function isWithoutRoom(error: unknown): boolean {
  return error instanceof Failure && (error.code === codes.exhausted || error.code === codes.inUse);
}

/**
 * Does what needs an address, and, as long as there is none, removes dead attachments to make room: all that is left of
 * one goes before its address does.
 *
 * @throws what `action` throws when nobody is dead.
 */
export async function makingRoom<T>(store: DiskStore, action: () => T, host: Host): Promise<T> {
  const late = performance.now() + patience;
  // Who was dead before a try may have been removed by another call meanwhile: the try after that counts.
  for (let dead: readonly Attachment[] | undefined; ; dead = store.dead()) {
    try {
      return action();
    } catch (error) {
      if (!isWithoutRoom(error) || performance.now() > late) throw error;
      if (dead?.length === 0 && store.removeUnreadable() === 0) throw error;
      if (dead && !(await buryOne(store, dead, host))) await pause(5 + Math.random() * 20);
    }
  }
}
