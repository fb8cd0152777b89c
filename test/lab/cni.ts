import { join } from 'node:path';
import { execa } from 'execa';
import { type Namespace, systemPath } from './namespaces.ts';

const root = join(import.meta.dirname, '../..');

/** The plugin under test; DUALSTACK_BIN=dist/dualstack.cjs has the same tests run over the script. */
export const executable = join(root, process.env['DUALSTACK_BIN'] ?? 'dist/dualstack');

/** What it starts, which is Node.js with our code: for tests that look into the process itself. */
export const program = process.env['DUALSTACK_BIN'] ? executable : `${executable}-main`;

/** What belongs into a runtime's folder of plugins: the two are found by each other. */
export const released = [...new Set([executable, program])];

/** Debian's containernetworking-plugins. */
export const debianPlugins = '/usr/lib/cni';

export interface Result {
  readonly cniVersion: string;
  readonly interfaces: readonly { name: string; mac: string; mtu?: number; sandbox?: string }[];
  readonly ips: readonly { address: string; gateway: string; interface: number; version?: string }[];
  readonly routes: readonly { dst: string; gw?: string }[];
  readonly dns: Readonly<Record<string, unknown>>;
}

export interface CniError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** How one call of a plugin ended. */
export interface Outcome {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a call is about; the rest of the environment has defaults. */
export interface Invocation {
  readonly containerID?: string;
  readonly ifname?: string;
  readonly netns?: string;
  /** Added to the environment, or taken out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly executable?: string;
  /** A program, and its arguments, that is to start the plugin. */
  readonly under?: readonly string[];
}

type Verb = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

function environmentOf(verb: Verb, invocation: Invocation): Record<string, string> {
  const { containerID = 'container-1', ifname = 'eth0', netns = '' } = invocation;
  const environment = {
    PATH: systemPath,
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerID,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_PATH: `${join(root, 'dist')}:${debianPlugins}`,
    ...invocation.env,
  };
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

/**
 * Calls a plugin on a node as a runtime does.
 *
 * @param input the network configuration: an object, or whatever a broken runtime would send.
 */
export async function call(
  node: Namespace,
  verb: Verb,
  input: object | string,
  invocation: Invocation = {},
): Promise<Outcome> {
  const program = [...(invocation.under ?? []), invocation.executable ?? executable];
  const { exitCode, stdout, stderr } = await execa('/sbin/ip', ['netns', 'exec', node.name, ...program], {
    env: environmentOf(verb, invocation),
    extendEnv: false,
    input: typeof input === 'string' ? input : JSON.stringify(input),
    reject: false,
  });
  return { status: exitCode, stdout, stderr };
}

/** A call that must succeed did not. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(`the call failed: ${outcome.stdout} ${outcome.stderr}`);
    this.outcome = outcome;
  }

  /** The plugin's own words, for a person. */
  get sentence(): string {
    try {
      const { msg = this.message, details } = JSON.parse(this.outcome.stdout) as Partial<CniError>;
      return details ? `${msg}: ${details}` : msg;
    } catch {
      return this.message;
    }
  }
}

/** The result of a call that must succeed. @throws {CallFailed} when it does not. */
export function succeeded(outcome: Outcome): Result {
  if (outcome.status !== 0) throw new CallFailed(outcome);
  return JSON.parse(outcome.stdout || '{}') as Result;
}

/** The error of a call that must fail, with status 1 and nothing but the error on standard output. */
export function failed(outcome: Outcome): CniError {
  if (outcome.status !== 1) throw new Error(`the call ended with ${outcome.status}: ${outcome.stdout}`);
  return JSON.parse(outcome.stdout) as CniError;
}

/** The podIPs of a result, in its order. */
export function podIPs(result: Result): string[] {
  return result.ips.map(({ address }) => address.split('/')[0] ?? '');
}

type PluginObject = Readonly<Record<string, unknown>> & { type: string };

/** A network configuration list, as in /etc/cni/net.d. */
export interface Conflist {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly PluginObject[];
}

/** The configuration that one plugin of a list gets (CNI 1.1.0, "Deriving request configuration"). */
function derive(list: Conflist, plugin: PluginObject, capabilities: object, prevResult: unknown): object {
  const wanted = Object.keys(plugin['capabilities'] ?? {});
  const runtimeConfig = Object.fromEntries(
    Object.entries(capabilities).filter(([key]) => wanted.includes(key)),
  );
  const { capabilities: _, ...rest } = plugin;
  return {
    ...rest,
    cniVersion: list.cniVersion,
    name: list.name,
    ...(Object.keys(runtimeConfig).length > 0 && { runtimeConfig }),
    ...(prevResult !== undefined && { prevResult }),
  };
}

function locate(plugin: PluginObject): string {
  return plugin.type === 'dualstack' ? executable : join(debianPlugins, plugin.type);
}

/** Runs a chain as libcni does: each plugin gets what those before it made; DEL goes backwards. */
export class Chain {
  readonly #node: Namespace;
  readonly #list: Conflist;
  readonly #capabilities: object;

  constructor(node: Namespace, list: Conflist, capabilities: object = {}) {
    this.#node = node;
    this.#list = list;
    this.#capabilities = capabilities;
  }

  async #run(verb: Verb, plugin: PluginObject, prevResult: unknown, invocation: Invocation): Promise<Result> {
    const input = derive(this.#list, plugin, this.#capabilities, prevResult);
    return succeeded(await call(this.#node, verb, input, { ...invocation, executable: locate(plugin) }));
  }

  async add(invocation: Invocation): Promise<Result> {
    let result: Result | undefined;
    for (const plugin of this.#list.plugins) result = await this.#run('ADD', plugin, result, invocation);
    if (!result) throw new Error('the list has no plugin');
    return result;
  }

  async check(invocation: Invocation, result: Result): Promise<void> {
    for (const plugin of this.#list.plugins) await this.#run('CHECK', plugin, result, invocation);
  }

  async del(invocation: Invocation, result?: Result): Promise<void> {
    for (const plugin of this.#list.plugins.toReversed()) await this.#run('DEL', plugin, result, invocation);
  }
}
