import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { debianPlugins, executable } from './cni.ts';
import type { Machine } from './machine.ts';
import { filesUnder } from './traces.ts';

const root = join(import.meta.dirname, '../..');

/** A file of conf/, as users copy it. */
export const sample = (name: string) => join(root, 'conf', name);

/** Puts plugins where runtimes look for them. containerd's CRI runs `loopback` before ours in every pod. */
export async function installPlugins(machine: Machine): Promise<void> {
  const folder = machine.outside('/opt/cni/bin');
  await mkdir(folder);
  await copyFile(executable, join(folder, 'dualstack'));
  await copyFile(join(debianPlugins, 'loopback'), join(folder, 'loopback'));
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
