import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Address, formatAddress, parseAddress } from '../../conf/family.ts';
import { forwardingSwitch } from '../../netns/host/host.ts';
import { Chain, type Conflist, podIPs, type Result } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { kernelState, storeTraces } from '../lab/traces.ts';

const sample = join(import.meta.dirname, '../../conf/10-dualstack.conflist');

/** Somebody who sends and answers, by the addresses that others reach them at. */
export interface Place {
  readonly name: string;
  readonly namespace: Namespace;
  readonly addresses: readonly string[];
}

export interface Pod extends Place {
  readonly containerID: string;
  readonly result: Result;
}

/** What the lab gives every node. */
const usualNodeIPs: readonly string[] = ['192.0.2.10', '2001:db8::10'];

/** In the order of families that others are in. */
function inOrderOf(addresses: readonly string[], others: readonly string[]): string[] {
  const familyOf = (address: string) => parseAddress(address)?.family;
  return others.flatMap((other) => addresses.filter((address) => familyOf(address) === familyOf(other)));
}

function nodeAddresses(nodeIPs: readonly Address[]): string[] {
  const rest = usualNodeIPs.filter((usual) => {
    const family = parseAddress(usual)?.family;
    return nodeIPs.every((own) => own.family !== family);
  });
  return [...nodeIPs.map(formatAddress), ...rest];
}

/** The sample, as a user changes it: the leases in the demo's own folder, the node's addresses if they are to count. */
async function conflistFor(folder: string, nodeIPs: readonly Address[]): Promise<Conflist> {
  const list = JSON.parse(await readFile(sample, 'utf8')) as Conflist;
  const more = {
    dataDir: join(folder, 'leases'),
    ...(nodeIPs.length > 0 && { nodeIPs: nodeIPs.map(formatAddress) }),
  };
  return { ...list, plugins: list.plugins.map((plugin) => ({ ...plugin, ...more })) };
}

/** As Kubernetes asks of a node. It changes the kernel's routes by itself, so it must be before the comparison. */
async function forward(node: Namespace): Promise<void> {
  for (const path of Object.values(forwardingSwitch)) {
    await execa('ip', ['netns', 'exec', node.name, 'tee', path], { input: '1' });
  }
}

async function addAddresses(node: Namespace, addresses: readonly string[]): Promise<void> {
  for (const address of addresses.filter((one) => !usualNodeIPs.includes(one))) {
    const nodad = address.includes(':') ? ['nodad'] : [];
    await node.run('ip', 'address', 'add', address, 'dev', 'uplink', ...nodad);
  }
}

/** The node of the demo, with the world around it and the pods on it. All of it goes when it is disposed of. */
export class Scene implements AsyncDisposable {
  readonly node: Place;
  readonly world: Place;
  /** The node's addresses on the way to the world. */
  readonly uplink = usualNodeIPs;
  readonly #lab: Lab;
  readonly #chain: Chain;
  readonly #leases: string;
  #before = '';

  private constructor(lab: Lab, chain: Chain, node: Place, world: Place) {
    this.#lab = lab;
    this.#chain = chain;
    this.#leases = join(lab.folder, 'leases');
    this.node = node;
    this.world = world;
  }

  /** Makes node and world; what was made by the time of an error is removed. */
  static async open(nodeIPs: readonly Address[]): Promise<Scene> {
    const lab = await openLab();
    try {
      const node = { name: 'node', namespace: await lab.node(), addresses: nodeAddresses(nodeIPs) };
      const world = await lab.outside(node.namespace);
      await addAddresses(node.namespace, node.addresses);
      await forward(node.namespace);
      const chain = new Chain(node.namespace, await conflistFor(lab.folder, nodeIPs));
      const scene = new Scene(lab, chain, node, {
        name: 'outside',
        namespace: world,
        addresses: inOrderOf(['192.0.2.1', '2001:db8::1'], node.addresses),
      });
      scene.#before = await kernelState(node.namespace);
      return scene;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** ADD, as a runtime does it for a pod of Kubernetes. */
  async add(name: string): Promise<Pod> {
    const namespace = await this.#lab.pod();
    const containerID = `demo-${name}`;
    const CNI_ARGS = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name}`;
    const result = await this.#chain.add({ containerID, netns: namespace.path, env: { CNI_ARGS } });
    return { name, namespace, containerID, result, addresses: podIPs(result) };
  }

  check(pod: Pod): Promise<void> {
    return this.#chain.check({ containerID: pod.containerID, netns: pod.namespace.path }, pod.result);
  }

  del(pod: Pod): Promise<void> {
    return this.#chain.del({ containerID: pod.containerID, netns: pod.namespace.path }, pod.result);
  }

  /** What is on the node that was not there before the first ADD, and the other way round. */
  async remains(): Promise<string[]> {
    const before = this.#before.split('\n');
    const after = (await kernelState(this.node.namespace)).split('\n');
    return [
      ...after.filter((line) => !before.includes(line)).map((line) => `left: ${line.trim()}`),
      ...before.filter((line) => !after.includes(line)).map((line) => `gone: ${line.trim()}`),
      ...(await storeTraces(this.#leases)).map((file) => `left: lease file ${file}`),
    ];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#lab[Symbol.asyncDispose]();
  }
}

/** Addresses of a link that the kernel still tests for duplicates. */
async function tentative(namespace: Namespace, link: string): Promise<string[]> {
  type Link = { addr_info: { local: string; tentative?: boolean }[] };
  const links = await namespace.ask<Link[]>('address', 'show', 'dev', link);
  return links
    .flatMap(({ addr_info }) => addr_info)
    .filter((address) => address.tentative)
    .map(({ local }) => local);
}

/** Addresses on either end of a pod's link that cannot be used yet. */
export async function unready(scene: Scene, pod: Pod): Promise<string[]> {
  const [hostEnd, podEnd] = pod.result.interfaces.map(({ name }) => name);
  return [
    ...(await tentative(scene.node.namespace, hostEnd ?? '')),
    ...(await tentative(pod.namespace, podEnd ?? '')),
  ];
}
