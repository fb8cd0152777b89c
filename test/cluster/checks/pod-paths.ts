import { mirrorIn } from '../../lab/mirror.ts';
import { families, familyOf, plans, worldHost } from '../harness/addresses.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import type { Check } from './check.ts';
import { withServers } from './fixtures.ts';
import { ask, inPod, sourceOf } from './vantage.ts';
import { webPort } from './workloads.ts';

function addressOf({ status }: ApiObject, family: string): string {
  return status.podIPs.find(({ ip }: ApiObject) => familyOf(ip) === family).ip;
}

/** What goes to pods and from them without a Service in between. */
export const podPaths: readonly Check[] = [
  {
    title: 'each pod reaches each pod in both families, and is seen with its own address',
    run: (t, cluster) =>
      withServers(cluster, async ({ pods }) => {
        for (const from of pods)
          for (const to of pods)
            for (const family of families) {
              const question = { address: addressOf(to, family), port: webPort, path: 'clientip' };
              const [answer = ''] = await ask(inPod(cluster, from), question);
              t.is(sourceOf(answer), addressOf(from, family), `${from.metadata.name} to ${to.metadata.name}`);
            }
      }),
  },
  {
    title: 'each pod, node and hostNetwork pod reaches each pod in both families',
    run: (t, cluster) =>
      withServers(cluster, async ({ pods, inside }) => {
        for (const from of inside)
          for (const { metadata, status } of pods)
            for (const { ip } of status.podIPs)
              t.deepEqual(await ask(from, { address: ip, port: webPort, path: 'hostname' }), [metadata.name]);
      }),
  },
  {
    title: "a pod reaches the world in both families, which sees the node's address",
    run: (t, cluster) =>
      withServers(cluster, async ({ pods }) => {
        await using mirror = await mirrorIn(cluster.network.world);
        for (const from of pods)
          for (const family of families) {
            const world = plans[family].outside.host(worldHost);
            const node = cluster.workers.find(({ host }) => host.name === from.spec.nodeName)?.host;
            const words = ['nc', '-d', '-w', '5', world, `${mirror.port}`] as const;
            t.is(await inPod(cluster, from).run(...words), node?.address(family) ?? '', from.metadata.name);
          }
      }),
  },
];
