import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../cmd/cni/call.ts';
import type { Environment } from '../../cmd/cni/environment.ts';
import { type Answer, answer, type Face, type Invocation } from '../../cmd/cni/protocol.ts';
import { ipamPlugin } from '../../cmd/verbs/ipam.ts';
import { plugin } from '../../cmd/verbs/plugin.ts';
import { NodeRegistry } from '../../ipam/store/registry.ts';
import { writeSetting } from '../../netns/host/host.ts';
import type { Run } from '../../netns/process/exec.ts';
import { systemPath } from './namespaces.ts';

/** One of the plugins that the executable is. */
export type Answering = (command: string, invocation: Invocation) => Promise<Answer>;

function answering<C>(face: Face<C>): Answering {
  return (command, invocation) => answer(command, face, invocation);
}

export const asPlugin = answering(plugin);
export const asIpamPlugin = answering(ipamPlugin);

/** The plugin with other handlers. */
export function withHandlers(handlers: Face['handlers']): Answering {
  return answering({ ...plugin, handlers });
}

/** The way to the outside of a call. @param node a folder for what the node keeps; some that no call shares, else. */
export function hostWith(run: Run, warn: Host['warn'] = () => {}, node = unshared()): Host {
  return { run, writeSetting, warn, registry: new NodeRegistry(node), portPatience: 0 };
}

function unshared(): string {
  return join(tmpdir(), `dualstack-node-${process.pid}-${Math.random()}`);
}

/** Beside the leases: nodes of a test have folders of their own. */
function nodeOf(input: unknown): string | undefined {
  const { dataDir, ipam } = Object(input) as { dataDir?: unknown; ipam?: { dataDir?: unknown } };
  const own = dataDir ?? ipam?.dataDir;
  return typeof own === 'string' && own.startsWith(tmpdir()) ? `${own}.node` : undefined;
}

/** Namespaces that every process has, and that are not its network: they stand for a pod's where none is entered. */
export const podNamespaces = ['mnt', 'uts', 'ipc', 'pid', 'user', 'cgroup'].map(
  (kind) => `/proc/self/ns/${kind}`,
);

export const attachmentEnvironment: Environment = {
  PATH: systemPath,
  CNI_CONTAINERID: 'container-1',
  CNI_NETNS: podNamespaces[0],
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
};

export interface InProcessCall {
  readonly environment: Environment;
  /** Standard input: text as it is, anything else as JSON. */
  readonly input: unknown;
  readonly run: Run;
  /** Of which plugin: dualstack, unless it is said. */
  readonly as?: Answering;
  /** How long it waits for a host port, in milliseconds: not at all, unless it is said. */
  readonly portPatience?: number;
}

/** How a call ended: what it wrote, read back, and the sentences on standard error. */
export interface InProcessOutcome {
  readonly status: 0 | 1;
  readonly output: string;
  readonly object: Record<string, unknown> | undefined;
  readonly warnings: readonly string[];
}

/** One call of the plugin within this process, from its entry point on. */
export async function callInProcess(command: string, call: InProcessCall): Promise<InProcessOutcome> {
  const { environment, input, run, as = asPlugin, portPatience = 0 } = call;
  const warnings: string[] = [];
  const { output, status: exitStatus } = await as(command, {
    environment,
    readInput: () => (typeof input === 'string' ? input : JSON.stringify(input)),
    ...hostWith(run, (sentence) => void warnings.push(sentence), nodeOf(input)),
    portPatience,
  });
  return { status: exitStatus, output, object: output === '' ? undefined : JSON.parse(output), warnings };
}
