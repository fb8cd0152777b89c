import { readText } from '../../conf/text-file.ts';

/** The kernel's name for this boot (random(4)); leases end with it. */
export function readBootID(path = '/proc/sys/kernel/random/boot_id'): string {
  const id = readText(path)?.trim() ?? '';
  return /^[0-9a-f-]{1,64}$/.test(id) ? id : 'unknown';
}
