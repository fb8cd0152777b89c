import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { routeProtocol } from '../../netns/route/unreachable.ts';
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

/** What a store holds of attachments: all but the places where round robin goes on, and the mark of damage. */
export async function storeTraces(dataDir: string): Promise<string[]> {
  return (await filesUnder(dataDir)).filter((file) => !/\/(?:last_reserved_ip\.\d+|damaged)$/.test(file));
}

/** The addresses that are leased in a network, sorted. */
export async function leases(dataDir: string, network = 'pods'): Promise<string[]> {
  const files = await filesUnder(join(dataDir, network));
  return files.filter((file) => !file.startsWith('last_reserved_ip.'));
}

/** One object of `nft -json list ruleset`: a table, a chain, a rule, a set or a map. */
interface Ruleset {
  readonly nftables: readonly Readonly<Record<string, { table?: string; name?: string; elem?: unknown }>>[];
}

/**
 * The rules of a namespace. Of our own table, which is there from the first pod on and is the configuration's and not
 * the pods', the elements alone, but those of the node's uplinks.
 */
async function rules(namespace: Namespace): Promise<string> {
  const { nftables } = JSON.parse(await namespace.run('nft', '--json', 'list', 'ruleset')) as Ruleset;
  const objects = nftables.flatMap((entry) => Object.entries(entry)).filter(([kind]) => kind !== 'metainfo');
  const isOurs = ({ table, name }: { table?: string; name?: string }) => (table ?? name) === 'dualstack';
  const kept = objects.flatMap(([kind, object]) => {
    if (!isOurs(object)) return [[kind, object]];
    return object.elem && object.name !== 'uplinks' ? [[object.name, object.elem]] : [];
  });
  return kept.map((object) => JSON.stringify(object)).join('\n');
}

/**
 * Links, addresses, routes, neighbours and rules of a namespace, for a comparison of before and after. The routes that
 * answer for the podCIDRs are the node's, and outlive pods.
 */
export async function kernelState(namespace: Namespace): Promise<string> {
  const questions = [
    ['ip', '-oneline', 'address', 'show'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', 'neighbour', 'show', 'nud', 'permanent'],
  ];
  const answers = await Promise.all(
    questions.map(([command = '', ...args]) => namespace.run(command, ...args)),
  );
  const routes = new RegExp(`^unreachable .* proto ${routeProtocol} .*\n?`, 'gm');
  return [...answers.map((text) => text.replace(routes, '')), await rules(namespace)].join('\n');
}
