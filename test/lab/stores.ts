import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { DiskStore, type IsDead } from '../../ipam/store/disk.ts';
import type { Attachment } from '../../ipam/store/store.ts';

/** A folder of the test's own, removed with it. */
export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dualstack-unit-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const nobodyIsDead: IsDead = () => false;

/** The store of the network `pods` below a folder, as a process of that boot opens it. */
export function openDisk(dataDir: string, bootID = 'boot-1', isDead = nobodyIsDead): DiskStore {
  return new DiskStore({ dataDir, network: 'pods', bootID }, isDead);
}

/** What a DEL does to the store. */
export async function release(store: DiskStore, attachment: Attachment): Promise<void> {
  await store.alone('release', attachment, async () => {
    store.end(attachment);
    store.forget(attachment);
  });
}

/** Another process as claims name it, alive as long as this test: the one that started ours. */
export function anotherProcess(): string {
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
  return `${process.ppid}.${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}
