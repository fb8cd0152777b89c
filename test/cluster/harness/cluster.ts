import { startMachine } from '../../lab/machine.ts';
import { kubernetesFolder } from '../tools/tools.ts';
import { type Family, hosts, other } from './addresses.ts';
import { administrator, type ControlPlane, startControlPlane } from './control-plane.ts';
import { nodeUser, type User, writeKubeconfig } from './credentials.ts';
import { installPlugin, routeToNodes } from './documents.ts';
import { Evidence } from './evidence.ts';
import { type Heir, startHeir } from './heir.ts';
import { type Daemon, Host } from './host.ts';
import { agnhostArchive } from './images.ts';
import { type ApiObject, Kubectl } from './kubectl.ts';
import { type Network, openNetwork } from './network.ts';
import { type ProxyMode, startContainerd, startKubelet, startKubeProxy, type Worker } from './worker.ts';

/** What a cluster is to be like. */
export interface Configuration {
  /** The family of its Services and of its nodes, unless said otherwise. */
  readonly first: Family;
  readonly proxyMode: ProxyMode;
  /** Whether the last node has its addresses in the other order. */
  readonly mixed: boolean;
}

/** Three nodes, a control plane, a router and the world outside, on one machine, until it is disposed of. */
export interface Cluster extends AsyncDisposable {
  readonly configuration: Configuration;
  readonly network: Network;
  readonly controlPlane: ControlPlane;
  readonly kubectl: Kubectl;
  readonly workers: readonly Worker[];
  readonly evidence: Evidence;
}

/** @throws {Error} with what there is to see, when a part does not start. */
export async function startCluster(configuration: Configuration): Promise<Cluster> {
  await using building = new AsyncDisposableStack();
  const heir = building.use(startHeir());
  const network = building.use(await openNetwork(heir));
  const computers = await startHosts(building, heir, network, configuration);
  const evidence = new Evidence(
    computers.controlPlane,
    computers.nodes.map(({ host }) => host),
  );
  try {
    const started = await startParts(computers, configuration);
    const resources = building.move();
    return {
      configuration,
      network,
      evidence,
      ...started,
      [Symbol.asyncDispose]: () => resources.disposeAsync(),
    };
  } catch (cause) {
    throw new Error(`the cluster did not start:\n${await evidence.take()}`, { cause });
  }
}

/** A node to be: its host, the user of its kubelet, and the family of its first address. */
interface Node {
  readonly host: Host;
  readonly identity: User;
  readonly first: Family;
}

interface Computers {
  readonly controlPlane: Host;
  readonly nodes: readonly Node[];
}

async function startHosts(
  building: AsyncDisposableStack,
  heir: Heir,
  { router }: Network,
  configuration: Configuration,
): Promise<Computers> {
  const open = async (name: string, number: number): Promise<Host> => {
    const machine = building.adopt(await startMachine(), ({ stop }) => stop());
    const [, , pid = ''] = machine.entry;
    await heir.note({ kind: 'machine', pid, folder: machine.folder, cgroup: machine.cgroup });
    const host = await Host.start(name, number, machine, kubernetesFolder);
    await host.plug(router.name);
    return host;
  };
  const controlPlane = await open('control-plane', hosts.controlPlane);
  const nodes: Node[] = [];
  for (const [index, number] of hosts.workers.entries()) {
    const name = `worker-${index + 1}`;
    const host = await open(name, number);
    nodes.push({ host, identity: nodeUser(name), first: firstOf(configuration, index) });
  }
  return { controlPlane, nodes };
}

function firstOf({ first, mixed }: Configuration, index: number): Family {
  return mixed && index === hosts.workers.length - 1 ? other(first) : first;
}

async function startParts({ controlPlane: master, nodes }: Computers, configuration: Configuration) {
  const archive = await agnhostArchive();
  const [controlPlane, ...withRuntime] = await Promise.all([
    startControlPlane(
      master,
      configuration.first,
      nodes.map(({ identity }) => identity),
    ),
    ...nodes.map(async (node) => ({ ...node, containerd: await startContainerd(node.host, [archive]) })),
  ]);
  const kubectl = new Kubectl(master);
  const workers = await Promise.all(
    withRuntime.map((node) => join(node, { configuration, controlPlane, kubectl })),
  );
  for (const host of [master, ...nodes.map(({ host }) => host)]) await routeToNodes(host, kubectl);
  return { controlPlane, kubectl, workers };
}

/** kubelet registers the node, the controllers give it podCIDRs, and the plugin is set up with those: then it is Ready. */
async function join(
  { host, identity, first, containerd }: Node & { readonly containerd: Daemon },
  { configuration, controlPlane, kubectl }: Pick<Cluster, 'configuration' | 'controlPlane' | 'kubectl'>,
): Promise<Worker> {
  const { endpoint } = controlPlane;
  await writeKubeconfig(host.machine.folder, 'admin', endpoint, administrator);
  const kubelet = await startKubelet(host, controlPlane, identity, first);
  const kubeProxy = await startKubeProxy(host, endpoint, configuration.proxyMode, configuration.first);
  const node = ['node', host.name];
  await kubectl.until(`podCIDRs of ${host.name}`, node, ({ spec }) => spec.podCIDRs?.length === 2);
  await installPlugin(host);
  await kubectl.until(`${host.name} to be Ready`, node, isReady);
  return { host, first, containerd, kubelet, kubeProxy };
}

export function isReady({ status }: ApiObject): boolean {
  return status.conditions?.some(({ type, status }: ApiObject) => type === 'Ready' && status === 'True');
}
