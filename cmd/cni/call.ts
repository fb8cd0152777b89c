import type { Configuration, Locator } from '../../conf/configuration.ts';
import { parseRuntimeConfig, type RuntimeConfig } from '../../conf/runtime.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import { DiskStore } from '../../ipam/store/disk.ts';
import { defaultNodeState, NodeRegistry } from '../../ipam/store/registry.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { type WriteSetting, writeSetting } from '../../netns/host/host.ts';
import { isProvablyDead } from '../../netns/link/liveness.ts';
import type { Run } from '../../netns/process/exec.ts';
import { argumentsOf, attachmentOf, type Environment } from './environment.ts';

/** In milliseconds: a pod that is on its way out had its DEL within some seconds, of kubelet's in all roll-outs seen. */
const portPatience = 5000;

/** The way to the outside that a verb gets. */
export interface Host {
  readonly run: Run;
  readonly writeSetting: WriteSetting;
  /** What the node keeps that is not one network's. */
  readonly registry: NodeRegistry;
  /** How long an ADD waits for a host port that another pod has yet, in milliseconds. */
  readonly portPatience: number;
  /** Writes a warning to standard error: a problem that did not fail the call. */
  warn(sentence: string): void;
}

/** The node that we run on. @param run starts programs there. */
export function thisNode(run: Run, warn: Host['warn']): Host {
  return { run, writeSetting, registry: new NodeRegistry(defaultNodeState), portPatience, warn };
}

/** A network configuration as it came: a JSON object, not checked any further. */
export type Input = Readonly<Record<string, unknown>>;

/** How a face of the executable reads its network configuration. */
export interface Reader<C> {
  /** Whether it makes links for attachments, or lends them addresses alone. */
  readonly wires: boolean;
  /** @throws {Failure} code 7. */
  parse(input: Input): C;
  /** What is needed to find the leases, even if the rest of the configuration is invalid. @throws {Failure} code 7. */
  locate(input: Input): Locator;
}

/** What a call came with. */
export interface Request {
  readonly environment: Environment;
  /** The `cniVersion` to answer in. */
  readonly version: string;
  readonly input: Input;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * One call of the plugin. Each part is parsed once, when a verb asks for it: a DEL succeeds with a configuration that
 * an ADD would refuse, since it never asks for all of it.
 */
export class Call<C = Configuration> implements Host {
  readonly environment: Environment;
  readonly version: string;
  readonly input: Input;
  readonly run: Run;
  readonly writeSetting: WriteSetting;
  readonly warn: Host['warn'];
  readonly registry: NodeRegistry;
  readonly portPatience: number;
  readonly #reader: Reader<C>;
  readonly #attachment = once(() => attachmentOf(this.environment));
  readonly #args = once(() => argumentsOf(this.environment));
  readonly #configuration = once(() => this.#reader.parse(this.input));
  readonly #locator = once(() => this.#reader.locate(this.input));
  readonly #runtimeConfig = once(() => parseRuntimeConfig(this.input['runtimeConfig']));
  readonly #store = once(() => openStore(this.locator));

  constructor(reader: Reader<C>, request: Request, host: Host) {
    this.#reader = reader;
    this.environment = request.environment;
    this.version = request.version;
    this.input = request.input;
    this.run = host.run;
    this.writeSetting = host.writeSetting;
    this.warn = host.warn;
    this.registry = host.registry;
    this.portPatience = host.portPatience;
  }

  /** The container and its interface. @throws {Failure} code 4. */
  get attachment(): Attachment {
    return this.#attachment();
  }

  /** Whether this face of the executable makes links for attachments. */
  get wires(): boolean {
    return this.#reader.wires;
  }

  /** CNI_ARGS. @throws {Failure} code 4. */
  get args(): ReadonlyMap<string, string> {
    return this.#args();
  }

  /** Path of the container's network namespace; empty if the runtime does not name one. */
  get netns(): string {
    return this.environment['CNI_NETNS'] ?? '';
  }

  /** @throws {Failure} code 7 for what the schema refuses. */
  get configuration(): C {
    return this.#configuration();
  }

  /** The network's name, and the folder of its leases. @throws {Failure} code 7. */
  get locator(): Locator {
    return this.#locator();
  }

  /** What the runtime asks for, for this attachment. @throws {Failure} code 7. */
  get runtimeConfig(): RuntimeConfig {
    return this.#runtimeConfig();
  }

  /** The leases of the network. @throws {Failure} code 7 as `locator`. */
  get store(): DiskStore {
    return this.#store();
  }

  /** The same call, with another function to start programs. */
  through(run: Run): Call<C> {
    const { writeSetting, registry, portPatience, warn } = this;
    return new Call(this.#reader, this, { run, writeSetting, registry, portPatience, warn });
  }

  /** The same call for another attachment of the network: GC removes those of others. */
  about({ containerID, ifname }: Attachment): Call<C> {
    const environment = {
      ...this.environment,
      CNI_CONTAINERID: containerID,
      CNI_IFNAME: ifname,
      CNI_NETNS: '',
      CNI_ARGS: '',
    };
    return new Call(this.#reader, { ...this, environment }, this);
  }
}

/** Carries out a verb. It returns an object for standard output, or nothing. */
export type Verb<C = Configuration> = (call: Call<C>) => Promise<Record<string, unknown> | undefined>;

export function openStore(place: Pick<Locator, 'dataDir' | 'name'>): DiskStore {
  return new DiskStore({ dataDir: place.dataDir, network: place.name, bootID: readBootID() }, isProvablyDead);
}
