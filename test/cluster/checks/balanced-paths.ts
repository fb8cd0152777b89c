import type { ExecutionContext } from 'ava';
import { type Family, families, plans, starting, worldHost } from '../harness/addresses.ts';
import type { Cluster } from '../harness/cluster.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import type { Worker } from '../harness/worker.ts';
import type { Check } from './check.ts';
import { allServers, serverOn, withServers, withService } from './fixtures.ts';
import { reachesAll } from './service-paths.ts';
import { ask, outside, sourceOf } from './vantage.ts';
import { dualService } from './workloads.ts';

/** The number of the balanced address on its segment. */
const balancedHost = 80;

const balanced = (family: Family) => plans[family].balanced.host(balancedHost);

/** What a load balancer does: it announces the Service's addresses, and leads them to a node. */
async function withBalanced(
  cluster: Cluster,
  selector: object,
  externalTrafficPolicy: 'Cluster' | 'Local',
  look: (service: ApiObject) => Promise<void>,
): Promise<void> {
  const { kubectl, configuration } = cluster;
  const object = dualService('balanced', selector, { type: 'LoadBalancer', externalTrafficPolicy });
  await withService(cluster, object, async () => {
    const ingress = starting(configuration.first).map((family) => ({ ip: balanced(family) }));
    const patch = JSON.stringify({ status: { loadBalancer: { ingress } } });
    await kubectl.run('patch', 'service', 'balanced', '--subresource=status', '-p', patch);
    await look(await kubectl.get('service', 'balanced'));
  });
}

/** Leads the balanced addresses to a node, in the place of a load balancer. */
async function leadTo({ network }: Cluster, { host }: Worker): Promise<void> {
  for (const family of families)
    await network.router.run('ip', 'route', 'replace', balanced(family), 'via', host.address(family));
}

/** Each way from outside into a Service by a node: the balanced address, and the node port. */
const entrances = ({ host }: Worker, family: Family, { spec }: ApiObject) => [
  { address: balanced(family), port: 80 },
  { address: host.address(family), port: spec.ports[0].nodePort },
];

async function seenFromOutside(cluster: Cluster, at: { address: string; port: number }): Promise<string> {
  const [answer = ''] = await ask(outside(cluster), { ...at, path: 'clientip' });
  return sourceOf(answer);
}

async function isRefused(t: ExecutionContext, cluster: Cluster, at: { address: string; port: number }) {
  await t.throwsAsync(
    ask(outside(cluster), { ...at, path: 'hostname' }),
    undefined,
    `${at.address} answered`,
  );
}

export const balancedPaths: readonly Check[] = [
  {
    title:
      'externalTrafficPolicy Cluster: the world reaches all servers by any node, and the node hides who asks',
    run: (t, cluster) =>
      withServers(cluster, ({ pods, inside }) =>
        withBalanced(cluster, allServers, 'Cluster', async (service) => {
          const names = pods.map(({ metadata }) => metadata.name);
          for (const worker of cluster.workers) {
            await leadTo(cluster, worker);
            for (const family of families)
              for (const at of entrances(worker, family, service)) {
                await reachesAll(t, outside(cluster), at, names);
                t.not(await seenFromOutside(cluster, at), plans[family].outside.host(worldHost));
              }
          }
          for (const from of inside)
            for (const family of families)
              await reachesAll(t, from, { address: balanced(family), port: 80 }, names);
        }),
      ),
  },
  {
    title: 'externalTrafficPolicy Local: the world reaches the server of the node alone, which sees who asks',
    run: (t, cluster) =>
      withServers(cluster, ({ pods }) =>
        withBalanced(cluster, allServers, 'Local', async (service) => {
          for (const [index, worker] of cluster.workers.entries()) {
            await leadTo(cluster, worker);
            for (const family of families)
              for (const at of entrances(worker, family, service)) {
                await reachesAll(t, outside(cluster), at, [pods[index]?.metadata.name]);
                t.is(await seenFromOutside(cluster, at), plans[family].outside.host(worldHost));
              }
          }
        }),
      ),
  },
  {
    title:
      'externalTrafficPolicy Local: a node without a server answers nobody outside, and pods and nodes all the same',
    run: (t, cluster) =>
      withServers(cluster, ({ pods, inside }) => {
        const [withServer, without] = cluster.workers;
        if (!withServer || !without) throw new Error('a cluster has nodes');
        return withBalanced(cluster, serverOn(withServer.host.name), 'Local', async (service) => {
          for (const family of families) {
            const inCluster = { address: balanced(family), port: 80 };
            for (const from of inside) await reachesAll(t, from, inCluster, [pods[0]?.metadata.name]);
            await leadTo(cluster, without);
            for (const at of entrances(without, family, service)) await isRefused(t, cluster, at);
          }
        });
      }),
  },
];
