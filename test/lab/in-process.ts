import type { Environment } from '../../cmd/cni/environment.ts';
import { answer, type Handlers } from '../../cmd/cni/protocol.ts';
import { add } from '../../cmd/verbs/add.ts';
import { check } from '../../cmd/verbs/check.ts';
import { del } from '../../cmd/verbs/del.ts';
import { gc } from '../../cmd/verbs/gc.ts';
import { ipamHandlers } from '../../cmd/verbs/ipam.ts';
import { status } from '../../cmd/verbs/status.ts';
import type { Run } from '../../netns/process/exec.ts';
import { systemPath } from './namespaces.ts';

export const plugin: Handlers = { ADD: add, DEL: del, CHECK: check, GC: gc, STATUS: status };
export { ipamHandlers };

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
  readonly handlers?: Handlers;
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
  const { environment, input, run, handlers = plugin } = call;
  const warnings: string[] = [];
  const { output, status: exitStatus } = await answer(command, {
    environment,
    readInput: () => (typeof input === 'string' ? input : JSON.stringify(input)),
    handlers,
    run,
    warn: (sentence) => warnings.push(sentence),
  });
  return { status: exitStatus, output, object: output === '' ? undefined : JSON.parse(output), warnings };
}
