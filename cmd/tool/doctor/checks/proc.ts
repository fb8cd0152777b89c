import { readdirSync } from 'node:fs';
import { readText } from '../../../../conf/text-file.ts';

export function readNumber(path: string): number | undefined {
  const text = readText(path)?.trim();
  return text ? Number(text) : undefined;
}

/** The interfaces of our network namespace. */
export function interfaces(): string[] {
  return readdirSync('/proc/sys/net/ipv4/conf').filter((name) => !['all', 'default', 'lo'].includes(name));
}

/** The kernel takes the larger one of the setting for all and the interface's own (Linux, ip-sysctl). */
export function effective(key: string, device: string): number {
  const values = ['all', device].map((name) => readNumber(`/proc/sys/net/ipv4/conf/${name}/${key}`) ?? 0);
  return Math.max(...values);
}
