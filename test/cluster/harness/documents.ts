import { dirname } from 'node:path';
import { executable } from '../../lab/cni.ts';
import { commandBlocks } from '../../lab/documents.ts';
import { families, familyOf } from './addresses.ts';
import type { Host } from './host.ts';
import type { ApiObject, Kubectl } from './kubectl.ts';

/** How the blocks of docs/install.md begin that a reader types on every node of a cluster, in their order. */
const steps = ['./dualstack install\n', 'kubectl get node "$(hostname)" -o json | dualstack init '];

/** Sets the plugin up on a node that has registered itself, as docs/install.md has a reader do it. */
export async function installPlugin(host: Host): Promise<void> {
  const blocks = await commandBlocks('install.md');
  const lines = steps.map((step) => {
    const block = blocks.find(({ text }) => text.startsWith(step));
    if (!block) throw new Error(`docs/install.md has no block that begins with ${step}`);
    return block.text;
  });
  await host.type([`cd '${dirname(executable)}'`, ...lines].join('\n'));
}

/** The routes of "Routes between nodes": each host knows the way to the podCIDRs of the nodes that it is not. */
export async function routeToNodes(host: Host, kubectl: Kubectl): Promise<void> {
  for (const { metadata, spec, status } of await kubectl.items('nodes')) {
    if (metadata.name === host.name) continue;
    for (const family of families) {
      const podCIDR = spec.podCIDRs.find((cidr: string) => familyOf(cidr) === family);
      const address = status.addresses.find(isInternal(family)).address;
      await host.run('ip', 'route', 'replace', podCIDR, 'via', address);
    }
  }
}

function isInternal(family: (typeof families)[number]) {
  return ({ type, address }: ApiObject) => type === 'InternalIP' && familyOf(address) === family;
}
