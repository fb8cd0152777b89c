import { deepEqual, equal } from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { call, type Invocation, type Outcome, succeeded } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { type Config, configuration, dataDirOf } from '../lab/pods.ts';
import { kernelState, storeTraces } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

export type Verb = 'ADD' | 'DEL' | 'GC';

/** What the plugin may start; those that it does not start cost nothing here. */
export const commands = ['ip', 'nft', 'nsenter', 'tc', 'tee', 'conntrack', 'sysctl'];

/** All that a pod may ask for: every command has something to do then. */
const runtimeConfig = {
  bandwidth: { ingressRate: 20e6, ingressBurst: 1e6, egressRate: 20e6, egressBurst: 1e6 },
  portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostPort: 8080, containerPort: 80, protocol: 'udp' },
  ],
};

/** The attachment that is added and removed; others are beside it. */
const containerID = 'victim';

/** What GC gets beside the configuration. */
export const nothingIsValid = { 'cni.dev/valid-attachments': [] };

/** A node with one pod, at the point where a verb is about to be called; `await using`. */
export class Scene implements AsyncDisposable {
  readonly lab: Lab;
  readonly node: Namespace;
  readonly pod: Namespace;
  readonly #podLab: Lab;
  readonly #before: string;

  private constructor(lab: Lab, node: Namespace, podLab: Lab, pod: Namespace, before: string) {
    this.lab = lab;
    this.node = node;
    this.pod = pod;
    this.#podLab = podLab;
    this.#before = before;
  }

  /** The scene of a verb: DEL and GC find the pod added. */
  static async open(verb: Verb): Promise<Scene> {
    const [lab, podLab] = [await openLab(), await openLab()];
    const [node, pod] = [await lab.node(), await podLab.pod()];
    const scene = new Scene(lab, node, podLab, pod, await kernelState(node));
    if (verb !== 'ADD') succeeded(await scene.call('ADD'));
    return scene;
  }

  /** Calls the plugin for the victim, as the runtime would. */
  call(verb: Verb | 'CHECK', more: Config = {}, invocation: Invocation = {}): Promise<Outcome> {
    const config = { ...configuration(this.lab, { cniVersion: '1.1.0', runtimeConfig }), ...more };
    const lists = verb === 'GC' && Object.keys(more).length === 0 ? nothingIsValid : {};
    return call(
      this.node,
      verb,
      { ...config, ...lists },
      { containerID, netns: this.pod.path, ...invocation },
    );
  }

  /** A pod that has nothing to do with the victim comes and goes. @throws when it cannot. */
  async another(): Promise<void> {
    await using beside = await openLab();
    const { path } = await beside.pod();
    const other = { containerID: 'other', netns: path };
    const without = { runtimeConfig: {} };
    succeeded(await this.call('ADD', without, other));
    succeeded(await this.call('DEL', without, other));
  }

  /** The victim comes, is as it should be, and goes. @throws when something of it is not so. */
  async again(): Promise<void> {
    const prevResult = succeeded(await this.call('ADD'));
    succeeded(await this.call('CHECK', { prevResult }));
    succeeded(await this.call('DEL'));
    await this.expectClean();
  }

  /** The pod ends, and the kernel has cleared its namespace away. */
  async end(): Promise<void> {
    await this.#podLab[Symbol.asyncDispose]();
    await until('the end of the pod', async () => deepEqual(await this.node.links(), []));
  }

  /** @throws when the node's kernel or store, or the pod, is not as it was before the first call. */
  async expectClean(): Promise<void> {
    equal(await kernelState(this.node), this.#before);
    deepEqual(await storeTraces(dataDirOf(this.lab)), []);
  }

  /** Commands that a killed plugin had started go on by themselves, and end by themselves. */
  async quiet(): Promise<void> {
    const isInside = (pid: string) => [this.node, this.pod].some((namespace) => namespace.holds(pid));
    await until('the end of all commands', async () => {
      deepEqual(
        readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name))
          .filter(isInside),
        [],
      );
    });
  }

  file(name: string): string {
    return join(this.lab.folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#podLab[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}
