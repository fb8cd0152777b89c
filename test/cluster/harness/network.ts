import { execa } from 'execa';
import { type Lab, type Namespace, openLab } from '../../lab/namespaces.ts';
import { families, hosts, plans, worldHost } from './addresses.ts';
import type { Heir } from './heir.ts';

/**
 * Beyond the nodes: a router with their segment on its bridge `lan`, and on its other side a host of the world, which
 * knows no way to pods and Services. Removed when disposed of.
 */
export interface Network extends AsyncDisposable {
  readonly router: Namespace;
  readonly world: Namespace;
}

export async function openNetwork(heir: Heir): Promise<Network> {
  const lab = await openLab();
  try {
    const [router, world] = [await lab.namespace('router'), await lab.namespace('world')];
    for (const { name } of [router, world]) await heir.note({ kind: 'namespace', name });
    await makeLan(router);
    await reachWorld(lab, router, world);
    return { router, world, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

async function makeLan(router: Namespace): Promise<void> {
  await router.run('ip', 'link', 'add', 'lan', 'type', 'bridge');
  for (const { segment } of Object.values(plans)) {
    const address = `${segment.host(hosts.router)}/${segment.prefix}`;
    const more = address.includes(':') ? ['nodad'] : [];
    await router.run('ip', 'address', 'add', address, 'dev', 'lan', ...more);
  }
  await router.run('ip', 'link', 'set', 'lan', 'up');
}

async function reachWorld(lab: Lab, router: Namespace, world: Namespace): Promise<void> {
  const at = (number: number) =>
    families.map((family) => `${plans[family].outside.host(number)}/${plans[family].outside.prefix}`);
  const gateways = families.map((family) => plans[family].outside.host(hosts.router));
  await lab.cable(
    { namespace: router, link: 'wan', addresses: at(hosts.router) },
    { namespace: world, link: 'eth0', addresses: at(worldHost), gateways },
  );
  const forwarding = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
  await execa('ip', ['netns', 'exec', router.name, 'sysctl', '-q', '-w', ...forwarding]);
}
