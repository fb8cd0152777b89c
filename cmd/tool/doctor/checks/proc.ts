import { readNumber } from '../../../../conf/text-file.ts';

/** The kernel takes the larger one of the setting for all and the interface's own (Linux, ip-sysctl). */
export function effective(key: string, device: string): number {
  const values = ['all', device].map((name) => readNumber(`/proc/sys/net/ipv4/conf/${name}/${key}`) ?? 0);
  return Math.max(...values);
}
