import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from './namespaces.ts';

/** The files below a folder, by their paths in it; none when there is no folder. */
export async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((file) => join(file.parentPath, file.name).slice(folder.length + 1)).sort();
}

/** What a store holds of attachments: all but the places where round robin goes on. */
export async function storeTraces(dataDir: string): Promise<string[]> {
  return (await filesUnder(dataDir)).filter((file) => !/\/last_reserved_ip\.\d+$/.test(file));
}

/** The addresses that are leased in a network, sorted. */
export async function leases(dataDir: string, network = 'pods'): Promise<string[]> {
  const files = await filesUnder(join(dataDir, network));
  return files.filter((file) => !file.startsWith('last_reserved_ip.'));
}

/** Links, addresses, routes, neighbours and rules of a namespace, for a comparison of before and after. */
export async function kernelState(namespace: Namespace): Promise<string> {
  const questions = [
    ['ip', '-oneline', 'address', 'show'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', 'neighbour', 'show', 'nud', 'permanent'],
    ['nft', 'list', 'ruleset'],
  ];
  const answers = await Promise.all(
    questions.map(([command = '', ...args]) => namespace.run(command, ...args)),
  );
  return answers.join('\n');
}
