import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { executable } from './cni.ts';
import type { Machine } from './machine.ts';
import { filesUnder } from './traces.ts';

const root = join(import.meta.dirname, '../..');

/** A file of conf/, as users copy it. */
export const sample = (name: string) => join(root, 'conf', name);

/** Puts the plugin where runtimes look for it, as a user does: nothing else is there. */
export async function installPlugins(machine: Machine): Promise<void> {
  await machine.run(executable, ['install']);
}

/** Puts a sample of conf/ where runtimes look for the network configuration. */
export async function installConflist(machine: Machine, name: string): Promise<void> {
  const folder = machine.outside('/etc/cni/net.d');
  await mkdir(folder, { recursive: true });
  await copyFile(sample(name), join(folder, name));
}

/**
 * What pods have left behind on a machine: links, leases (with all else that the store holds but the places where round
 * robin goes on), and network namespaces.
 */
export async function traces(machine: Machine): Promise<string[]> {
  const links: { ifname: string }[] = JSON.parse(await machine.run('ip', ['-json', 'link', 'show']));
  return [
    ...links.map(({ ifname }) => ifname).filter((name) => name !== 'lo'),
    ...(await filesUnder(machine.outside('/run/dualstack'))).filter(
      (file) => !basename(file).startsWith('last_reserved_ip.'),
    ),
    ...(await filesUnder(machine.outside('/run/netns'))),
  ];
}
