import { WithoutRoom } from '../../ipam/allocate.ts';
import type { DiskStore } from '../../ipam/store/disk.ts';
import { Patience, pause } from '../../ipam/store/patience.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import type { Host } from '../cni/call.ts';
import { removeWhole } from './removal.ts';

/** How long an ADD waits while others remove the dead, in milliseconds. */
const patience = 30_000;

/**
 * Removes a dead attachment whole, unless another call is working on it. Its DEL never came, or comes later and finds
 * nothing. One whose addresses a delegate gave keeps these: only DEL and GC of its network have the configuration to give
 * them back.
 *
 * @returns whether it was removed, by this call.
 */
export async function bury(store: DiskStore, attachment: Attachment, host: Host): Promise<boolean> {
  const remove = async () => {
    if (!store.isDead(attachment)) return false;
    const { identity, delegate } = store.originOf(attachment) ?? {};
    const release = delegate === undefined ? async () => undefined : undefined;
    await removeWhole({ store, attachment, hasLink: identity === undefined, footprints: [], release }, host);
    return true;
  };
  return (await store.alone('remove', attachment, remove, false)) ?? false;
}

/** One of the dead, a random one first, so that several calls share the work. Waits for others when they have them all. */
async function buryOne(store: DiskStore, dead: readonly Attachment[], host: Host): Promise<void> {
  const start = Math.floor(Math.random() * dead.length);
  for (const attachment of [...dead.slice(start), ...dead.slice(0, start)]) {
    if (await bury(store, attachment, host)) return;
  }
  await pause(10);
}

/**
 * Does what needs an address, and, as long as there is none, removes dead attachments that have one which would do: all
 * that is left of one goes before its address does.
 *
 * @throws what `action` throws when nobody is dead who has such an address.
 */
export async function makingRoom<T>(store: DiskStore, action: () => T, host: Host): Promise<T> {
  const others = new Patience(patience);
  let hopeless: string | undefined;
  for (;;) {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof WithoutRoom) || others.isOver || error.message === hopeless) throw error;
      const dead = store.dead(error.wants);
      if (dead.length > 0) await buryOne(store, dead, host);
      // Who was dead before that try may have been removed by another call meanwhile: so one more.
      else if ((await store.removeUnreadable(error.wants)) === 0) hopeless = error.message;
    }
  }
}
