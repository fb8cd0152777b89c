import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { reason } from '../../../../conf/failure.ts';
import { describePool, handsOut } from '../../../../ipam/pool.ts';
import { findNetworks, type Network, type PoolUse, usesOf } from '../../engine/networks.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';
import { reclaim } from './leases.ts';

/** A pod needs three small files; a page each, on most file systems. */
const least = { bytes: 256 * 1024, files: 64 } as const;

/** The part of a pool from which on it is worth a word. */
const nearlyFull = 0.9;

/** statfs(2), TMPFS_MAGIC. */
const tmpfs = 0x01021994;

/** Of a store that is not made yet, the place where it would be. */
function existing(path: string): string {
  return existsSync(path) || path === '/' ? path : existing(dirname(path));
}

/** The mount that a path is on (proc_pid_mountinfo(5), field 5): the last one of the longest that begin it. */
function mountOf(path: string): string {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  const above = points.filter(
    (point) => point !== '' && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`)),
  );
  return above.sort((a, b) => a.length - b.length).at(-1) ?? '/';
}

function remount(path: string, options: string): string {
  return `mount -o remount,${options} ${shellWord(mountOf(path))}`;
}

function roomFindings(dataDir: string, place: string): Finding[] {
  const { type, bavail, bsize, ffree, files, blocks } = statfsSync(place);
  const bytes = bavail * bsize;
  const hasFiles = files === 0 || ffree >= least.files;
  if (bytes >= least.bytes && hasFiles) return [];
  const found = `no room in the store ${dataDir}: ${bytes} bytes and ${ffree} files are left on ${mountOf(place)}`;
  if (type !== tmpfs) return [{ level: 'broken', found, advice: `make room on ${mountOf(place)}` }];
  const size = blocks * bsize + 64 * 1024 * 1024;
  return [{ level: 'broken', found, remedy: [remount(place, `size=${size},nr_inodes=${files + 65_536}`)] }];
}

/** By root's own right to write: what stops root is a file in the way, or a file system that is read-only. */
function accessFindings(dataDir: string, place: string): Finding[] {
  try {
    if (!statSync(place).isDirectory())
      return [
        {
          level: 'broken',
          found: `the store ${dataDir} cannot be made: ${place} is a file`,
          remedy: [`mv ${shellWord(place)} ${shellWord(`${place}.disabled`)}`],
        },
      ];
    accessSync(place, constants.W_OK);
    return [];
  } catch (error) {
    const found = `the store ${dataDir} cannot be written: ${reason(error)}`;
    return [{ level: 'broken', found, remedy: [remount(place, 'rw')] }];
  }
}

function storeFindings(dataDir: string): Finding[] {
  const place = existing(dataDir);
  const denied = accessFindings(dataDir, place);
  return denied.length > 0 ? denied : roomFindings(dataDir, place);
}

function useFindings(network: Network, { pool, used, capacity, part }: PoolUse, patient: Patient): Finding[] {
  if (part < nearlyFull) return [];
  const isFull = BigInt(used) >= capacity;
  const found = `network ${network.name}: ${used} leased of ${describePool(pool)}`;
  const canReclaim = network.store.canReclaim((address) => handsOut(pool, address));
  return [
    {
      level: isFull && !canReclaim ? 'broken' : 'warning',
      found: isFull && canReclaim ? `${found}, some to pods that are gone` : found,
      ...(canReclaim && { remedy: [reclaim(patient)] }),
      ...(!canReclaim && { advice: 'delete pods, or give the node a larger podCIDR' }),
    },
  ];
}

/** Room on the disk, and in the pools. */
export const store: Check = {
  name: 'store',
  run: (patient) => {
    const networks = findNetworks(patient.confDir);
    const dataDirs = [...new Set(networks.map(({ dataDir }) => dataDir))];
    const found = [
      ...dataDirs.flatMap(storeFindings),
      ...networks.flatMap((network) => usesOf(network).flatMap((use) => useFindings(network, use, patient))),
    ];
    return found.length > 0 ? found : [ok('room for more leases')];
  },
};
