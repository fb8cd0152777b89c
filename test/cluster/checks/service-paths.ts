import type { ExecutionContext } from 'ava';
import { until } from '../../lab/until.ts';
import { families } from '../harness/addresses.ts';
import type { Cluster } from '../harness/cluster.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import type { Check } from './check.ts';
import { allServers, type Servers, serverOn, withServers, withService } from './fixtures.ts';
import { ask, inPod, outside, type Vantage } from './vantage.ts';
import { dualService } from './workloads.ts';

/** kube-proxy writes its rules when it gets to it. */
const deadlineMs = 120_000;

/** Of three servers, one is missed by sixteen questions once in two hundred times: then they are asked again. */
const times = 16;

/** Waits until somebody has had an answer of each of the servers, and of nobody else. */
export async function reachesAll(
  t: ExecutionContext,
  from: Vantage,
  at: { readonly address: string; readonly port: number },
  servers: readonly string[],
): Promise<void> {
  const what = `${from.name} to get answers of ${servers} at ${at.address} port ${at.port}`;
  await until(
    what,
    async () => {
      const answers = [...new Set(await ask(from, { ...at, path: 'hostname' }, times))].toSorted();
      if (`${answers}` !== `${servers.toSorted()}`) throw new Error(`only ${answers} answered`);
    },
    deadlineMs,
  );
  t.pass(what);
}

const namesOf = (pods: Servers['pods']): string[] => pods.map(({ metadata }) => metadata.name);

/** Where a Service is reached: at each of its ClusterIPs, and at its node port of each address of each node. */
const clusterIPs = ({ spec }: ApiObject) => spec.clusterIPs.map((address: string) => ({ address, port: 80 }));

const nodePorts = ({ workers }: Cluster, { spec }: ApiObject) =>
  workers.flatMap(({ host }) =>
    families.map((family) => ({ address: host.address(family), port: spec.ports[0].nodePort })),
  );

export const servicePaths: readonly Check[] = [
  {
    title: 'pods, nodes and hostNetwork pods reach all servers of a Service by each ClusterIP',
    run: (t, cluster) =>
      withServers(cluster, ({ pods, inside }) =>
        withService(cluster, dualService('web', allServers), async (service) => {
          for (const from of inside)
            for (const at of clusterIPs(service)) await reachesAll(t, from, at, namesOf(pods));
        }),
      ),
  },
  {
    title: 'everybody reaches all servers of a Service by its node port, at each address of each node',
    run: (t, cluster) =>
      withServers(cluster, ({ pods, inside }) =>
        withService(cluster, dualService('web', allServers, { type: 'NodePort' }), async (service) => {
          for (const from of [...inside, outside(cluster)])
            for (const at of nodePorts(cluster, service)) await reachesAll(t, from, at, namesOf(pods));
        }),
      ),
  },
  {
    title: 'a pod reaches itself by its own Service',
    run: (t, cluster) =>
      withServers(cluster, async ({ pods }) => {
        for (const pod of pods) {
          const object = dualService('own', serverOn(pod.spec.nodeName), { type: 'NodePort' });
          await withService(cluster, object, async (service) => {
            for (const at of [...clusterIPs(service), ...nodePorts(cluster, service)])
              await reachesAll(t, inPod(cluster, pod), at, namesOf([pod]));
          });
        }
      }),
  },
  {
    title: 'a client that a Service has affinity to stays with one server',
    run: (t, cluster) =>
      withServers(cluster, ({ inside }) =>
        withService(
          cluster,
          dualService('sticky', allServers, { sessionAffinity: 'ClientIP' }),
          async (service) => {
            for (const from of inside)
              for (const at of clusterIPs(service)) {
                const question = { ...at, path: 'hostname' };
                const answers = await until(
                  `an answer for ${from.name}`,
                  () => ask(from, question, times),
                  deadlineMs,
                );
                t.is(new Set(answers).size, 1, `${from.name} at ${at.address}: ${answers}`);
              }
          },
        ),
      ),
  },
];
