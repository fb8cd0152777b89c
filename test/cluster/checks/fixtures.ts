import type { Cluster } from '../harness/cluster.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import { inPod, onNode, type Vantage } from './vantage.ts';
import { pod } from './workloads.ts';

/** Looks at what was made, then removes it. When that fails, what there is to see is collected while it is there. */
async function during(
  { evidence }: Cluster,
  look: () => Promise<void>,
  remove: () => Promise<unknown>,
): Promise<void> {
  try {
    await look();
  } catch (error) {
    await evidence.collect();
    throw error;
  } finally {
    await remove();
  }
}

/** Has pods while it looks at them, once they are Ready, in the order of `objects`. */
export async function withPods(
  cluster: Cluster,
  objects: readonly ApiObject[],
  look: (pods: ApiObject[]) => Promise<void>,
): Promise<void> {
  const { kubectl } = cluster;
  const names = objects.map(({ metadata }) => metadata.name);
  await kubectl.apply(...objects);
  const whenReady = async () => {
    await kubectl.run('wait', '--for=condition=Ready', '--timeout=180s', 'pod', ...names);
    const pods = await kubectl.items('pods');
    await look(names.map((name) => pods.find(({ metadata }) => metadata.name === name)));
  };
  await during(cluster, whenReady, () => kubectl.run('delete', 'pod', ...names));
}

/** A web server on each node, and who asks them from inside the cluster. */
export interface Servers {
  /** The pods of the servers, in the order of the nodes. */
  readonly pods: readonly ApiObject[];
  /** The servers themselves, a hostNetwork pod on each node, and the nodes. */
  readonly inside: readonly Vantage[];
}

/** What selects all servers, and the one on a node. */
export const allServers = { app: 'web' };
export const serverOn = (node: string) => ({ ...allServers, on: node });

/** Has the servers while it looks at them. */
export function withServers(cluster: Cluster, look: (servers: Servers) => Promise<void>): Promise<void> {
  const nodes = cluster.workers.map(({ host }) => host);
  const objects = [
    ...nodes.map(({ name }) => pod(`web-${name}`, { node: name, labels: serverOn(name) })),
    ...nodes.map(({ name }) => pod(`host-${name}`, { node: name, hostNetwork: true, args: ['pause'] })),
  ];
  return withPods(cluster, objects, (pods) => {
    const inside = [...pods.map((pod) => inPod(cluster, pod)), ...nodes.map(onNode)];
    return look({ pods: pods.slice(0, nodes.length), inside });
  });
}

/** Has a Service while it looks at it. */
export async function withService(
  cluster: Cluster,
  object: object,
  look: (service: ApiObject) => Promise<void>,
): Promise<void> {
  const created = await cluster.kubectl.create(object);
  const remove = () => cluster.kubectl.run('delete', 'service', created.metadata.name);
  await during(cluster, () => look(created), remove);
}

/** Has a Deployment while it looks at it, once all of it is there. */
export async function withDeployment(
  cluster: Cluster,
  object: object,
  look: (name: string) => Promise<void>,
): Promise<void> {
  const { metadata } = await cluster.kubectl.create(object);
  const whenThere = async () => {
    await rolledOut(cluster, metadata.name);
    await look(metadata.name);
  };
  const words = ['delete', 'deployment', metadata.name, '--cascade=foreground'];
  await during(cluster, whenThere, () => cluster.kubectl.run(...words));
}

/** Waits until a Deployment is as it should be. */
export async function rolledOut({ kubectl }: Cluster, name: string): Promise<void> {
  await kubectl.run('rollout', 'status', `deployment/${name}`, '--timeout=300s');
}
