import type { ExecutionContext } from 'ava';
import { until } from '../../lab/until.ts';
import { families, familyOf, plans, starting, worldHost } from '../harness/addresses.ts';
import { type Cluster, isReady } from '../harness/cluster.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import type { Worker } from '../harness/worker.ts';
import type { Check } from './check.ts';
import { rolledOut, withDeployment, withPods, withServers } from './fixtures.ts';
import { ask, onNode, outside, sourceOf } from './vantage.ts';
import { deployment, pod, webPort } from './workloads.ts';

const probe = { periodSeconds: 1, failureThreshold: 60 };
const http = { httpGet: { path: '/healthz', port: webPort }, ...probe };
const probes = {
  startupProbe: http,
  readinessProbe: { tcpSocket: { port: webPort }, ...probe },
  livenessProbe: http,
};

/** A probe of a port where nobody listens, which is lost at once. */
const lost = { tcpSocket: { port: webPort + 1 }, periodSeconds: 1, failureThreshold: 1 };

const hostPort = 8081;
const withHostPort = { ports: [{ containerPort: webPort, hostPort }] };

const podsOf = async ({ kubectl }: Cluster, app: string): Promise<ApiObject[]> =>
  (await kubectl.items('pods', '-l', `app=${app}`)).filter(({ metadata }) => !metadata.deletionTimestamp);

const ipsOf = ({ status }: ApiObject): string[] => status.podIPs.map(({ ip }: ApiObject) => ip);

/** Each pod answers a node at each address. */
async function allAnswer(
  t: ExecutionContext,
  { workers }: Cluster,
  pods: readonly ApiObject[],
): Promise<void> {
  const [worker] = workers;
  if (!worker) throw new Error('a cluster has nodes');
  for (const each of pods)
    for (const address of ipsOf(each))
      t.deepEqual(await ask(onNode(worker.host), { address, port: webPort, path: 'hostname' }), [
        each.metadata.name,
      ]);
}

/** Which server answers the world at the host port of a node; it is asked again while the port changes hands. */
function atHostPort(cluster: Cluster, { host }: Worker, path: string): Promise<string>[] {
  return families.map(async (family) => {
    const question = { address: host.address(family), port: hostPort, path };
    const [answer = ''] = await until(
      `host port of ${host.name}`,
      () => ask(outside(cluster), question),
      60_000,
    );
    return answer;
  });
}

const probing: Check = {
  title:
    'probes over HTTP and TCP reach pods on each node; a container that fails its own restarts at the same addresses',
  async run(t, cluster) {
    const { kubectl, workers } = cluster;
    const names = workers.map(({ host }) => host.name);
    const objects = names.map((node) => pod(`probed-${node}`, { node, container: probes }));
    await withPods(cluster, objects, async (pods) => {
      for (const { status } of pods) t.is(status.containerStatuses[0].restartCount, 0);
    });
    const [node = ''] = names;
    await withPods(
      cluster,
      [pod('restarted', { node, container: { livenessProbe: lost } })],
      async ([before]) => {
        const again = ({ status }: ApiObject) => status.containerStatuses[0].restartCount > 0;
        const after = await kubectl.until('a restart', ['pod', 'restarted'], again);
        t.deepEqual(ipsOf(after), ipsOf(before));
      },
    );
  },
};

const publishing: Check = {
  title: 'the world reaches a host port at each address of its node, and is seen as itself',
  async run(t, cluster) {
    const objects = cluster.workers.map(({ host }) =>
      pod(`published-${host.name}`, { node: host.name, container: withHostPort }),
    );
    await withPods(cluster, objects, async () => {
      for (const worker of cluster.workers) {
        const name = `published-${worker.host.name}`;
        t.deepEqual(await Promise.all(atHostPort(cluster, worker, 'hostname')), [name, name]);
        const seen = await Promise.all(atHostPort(cluster, worker, 'clientip'));
        t.deepEqual(
          seen.map(sourceOf),
          families.map((family) => plans[family].outside.host(worldHost)),
        );
      }
    });
  },
};

const rolling: Check = {
  title: 'a roll-out with a host port on one node: each new pod has the port',
  async run(t, cluster) {
    const { kubectl, workers } = cluster;
    const [worker] = workers;
    if (!worker) throw new Error('a cluster has nodes');
    const object = deployment('rolled', 1, {
      container: withHostPort,
      nodeSelector: { 'kubernetes.io/hostname': worker.host.name },
      strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    });
    await withDeployment(cluster, object, async (name) => {
      for (const round of [1, 2, 3]) {
        await kubectl.run('rollout', 'restart', `deployment/${name}`);
        await rolledOut(cluster, name);
        const [only] = await podsOf(cluster, name);
        const answers = await Promise.all(atHostPort(cluster, worker, 'hostname'));
        t.deepEqual(answers, [only.metadata.name, only.metadata.name], `round ${round}`);
      }
    });
  },
};

const crowding: Check = {
  title:
    'thirty pods at once come up with two addresses each, which no other has, and answer; so after a roll-out',
  async run(t, cluster) {
    const { kubectl, configuration } = cluster;
    await withDeployment(cluster, deployment('crowd', 30, {}), async (name) => {
      for (const round of ['first', 'second']) {
        const pods = await podsOf(cluster, name);
        t.is(pods.length, 30, round);
        for (const each of pods)
          t.deepEqual(ipsOf(each).map(familyOf).toSorted(), [...starting(configuration.first)].toSorted());
        t.is(new Set(pods.flatMap(ipsOf)).size, 60, round);
        await allAnswer(t, cluster, pods);
        await kubectl.run('rollout', 'restart', `deployment/${name}`);
        await rolledOut(cluster, name);
      }
    });
  },
};

const talking: Check = {
  title: 'exec, logs and port-forward work with pods on each node',
  run: (t, cluster) =>
    withServers(cluster, async ({ pods }) => {
      const { kubectl, controlPlane } = cluster;
      for (const { metadata } of pods) {
        t.is(await kubectl.run('exec', metadata.name, '--', 'hostname'), metadata.name);
        t.regex(await kubectl.run('logs', metadata.name), /./);
        const lines = `kubectl port-forward ${metadata.name} 18080:${webPort} >/dev/null & trap "kill $!" EXIT
curl --silent --fail --retry 60 --retry-delay 1 --retry-all-errors http://127.0.0.1:18080/hostname`;
        t.is(await controlPlane.host.type(lines), metadata.name);
      }
    }),
};

const restarting = (['kubelet', 'containerd', 'kubeProxy'] as const).map(
  (part): Check => ({
    title: `pods go on when ${part} restarts, and new ones start`,
    run: (t, cluster) =>
      withServers(cluster, async ({ pods }) => {
        const { kubectl, workers } = cluster;
        const [worker] = workers;
        if (!worker) throw new Error('a cluster has nodes');
        await worker[part].restart();
        await kubectl.until(`${worker.host.name} to be Ready`, ['node', worker.host.name], isReady);
        const names = pods.map(({ metadata }) => metadata.name);
        await withPods(cluster, [pod('newcomer', { node: worker.host.name })], (newcomers) =>
          allAnswer(t, cluster, newcomers),
        );
        const now = (await kubectl.get('pod', ...names)).items;
        t.deepEqual(now.map(ipsOf), pods.map(ipsOf));
        for (const { status } of now) t.is(status.containerStatuses[0].restartCount, 0);
        await allAnswer(t, cluster, now);
      }),
  }),
);

/** The host ends of pods, and the leases, on a node. */
async function remains({ host }: Worker): Promise<string[]> {
  const links: { ifname: string }[] = JSON.parse(
    await host.run('ip', '-json', 'link', 'show', 'type', 'veth'),
  );
  const networks: { leases: { addresses: string[] }[] }[] = JSON.parse(
    await host.run('dualstack', 'leases', '--json'),
  );
  return [
    ...links.map(({ ifname }) => ifname).filter((name) => name.startsWith('vethds')),
    ...networks.flatMap(({ leases }) => leases.flatMap(({ addresses }) => addresses)),
  ];
}

const leaving: Check = {
  title: 'when no pod is left, no node has a lease or a host end, and doctor finds nothing wrong',
  async run(t, { workers }) {
    for (const worker of workers) {
      const { name } = worker.host;
      await until(
        `the last lease of ${name}`,
        async () => {
          const left = await remains(worker);
          if (left.length > 0) throw new Error(`${name} still has ${left}`);
        },
        60_000,
      );
      t.notRegex(await worker.host.run('dualstack', 'doctor'), /^(?!ok\t)/m, name);
    }
  },
};

export const life: readonly Check[] = [
  probing,
  publishing,
  rolling,
  crowding,
  talking,
  ...restarting,
  leaving,
];
