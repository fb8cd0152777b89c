import { mirrorIn } from '../../lab/mirror.ts';
import { until } from '../../lab/until.ts';
import { families, familyOf, inUrl, plans, worldHost } from '../harness/addresses.ts';
import type { Cluster } from '../harness/cluster.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import type { Check } from './check.ts';
import { pod, service, webPort } from './workloads.ts';

const app = { app: 'web' };
const nameOn = (node: string) => `web-${node}`;

/** Asks from a pod. @returns the body of the answer. */
function ask(
  { kubectl }: Cluster,
  from: string,
  address: string,
  port: number,
  path: string,
): Promise<string> {
  const url = `http://${inUrl(address)}:${port}/${path}`;
  return kubectl.run('exec', from, '--', 'curl', '--silent', '--fail', '--globoff', '--max-time', '5', url);
}

/** Without the port that it came from. */
const sourceOf = (answer: string) => answer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

/** Has a web server on each node, with a Service of both families before them, while it looks. */
async function withWeb(cluster: Cluster, look: (pods: ApiObject[], service: ApiObject) => Promise<void>) {
  const { kubectl, workers } = cluster;
  const names = workers.map(({ host }) => nameOn(host.name));
  await kubectl.apply(
    ...workers.map(({ host }) => pod(nameOn(host.name), { node: host.name, labels: app })),
    service('web', { selector: app, ipFamilyPolicy: 'RequireDualStack', type: 'NodePort' }),
  );
  try {
    await kubectl.run('wait', '--for=condition=Ready', '--timeout=180s', 'pod', ...names);
    const pods = await kubectl.items('pods', '-l', 'app=web');
    await look(pods, await kubectl.get('service', 'web'));
  } finally {
    await kubectl.run('delete', 'service', 'web');
    await kubectl.run('delete', 'pod', ...names);
  }
}

export const paths: readonly Check[] = [
  {
    title: 'each pod reaches each pod in both families, and is seen with its own address',
    run: (t, cluster) =>
      withWeb(cluster, async (pods) => {
        for (const from of pods)
          for (const to of pods) {
            for (const { ip } of to.status.podIPs) {
              const own = from.status.podIPs.find((each: ApiObject) => familyOf(each.ip) === familyOf(ip)).ip;
              const seen = sourceOf(await ask(cluster, from.metadata.name, ip, webPort, 'clientip'));
              t.is(seen, own, `${from.metadata.name} to ${ip}`);
            }
          }
      }),
  },
  {
    title: 'each pod reaches all pods of a Service by each ClusterIP',
    run: (t, cluster) =>
      withWeb(cluster, async (pods, { spec }) => {
        const names = new Set(pods.map(({ metadata }) => metadata.name));
        for (const from of pods)
          for (const address of spec.clusterIPs) {
            const left = new Set(names);
            await until(
              `${from.metadata.name} to get an answer of every pod by ${address}`,
              async () => {
                left.delete(await ask(cluster, from.metadata.name, address, 80, 'hostname'));
                if (left.size > 0) throw new Error(`no answer of ${[...left]}`);
              },
              120_000,
            );
            t.pass();
          }
      }),
  },
  {
    title: 'the world reaches a Service by the NodePort of each node, in both families',
    run: (t, cluster) =>
      withWeb(cluster, async (pods, { spec }) => {
        const names = pods.map(({ metadata }) => metadata.name);
        for (const { host } of cluster.workers)
          for (const family of families) {
            const url = `http://${inUrl(host.address(family))}:${spec.ports[0].nodePort}/hostname`;
            const answer = await until(
              url,
              () => cluster.network.world.run('curl', '-sfg', '--max-time', '5', url),
              120_000,
            );
            t.true(names.includes(answer), `${url}: ${answer}`);
          }
      }),
  },
  {
    title: "a pod reaches the world in both families, which sees the node's address",
    async run(t, cluster) {
      await using mirror = await mirrorIn(cluster.network.world);
      await withWeb(cluster, async (pods) => {
        for (const { metadata, spec } of pods)
          for (const family of families) {
            const world = plans[family].outside.host(worldHost);
            const node = cluster.workers
              .find(({ host }) => host.name === spec.nodeName)
              ?.host.address(family);
            const words = ['nc', '-d', '-w', '5', world, `${mirror.port}`];
            t.is(await cluster.kubectl.run('exec', metadata.name, '--', ...words), node ?? '', metadata.name);
          }
      });
    },
  },
];
