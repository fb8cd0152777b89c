import { join } from 'node:path';
import { call, type Result, succeeded } from './cni.ts';
import type { Lab, Namespace } from './namespaces.ts';

export const podCIDRs = ['10.244.1.0/24', 'fd00:10:244:1::/64'];

export type Config = Readonly<Record<string, unknown>>;

/** Where a lab's leases are. */
export function dataDirOf(lab: Lab): string {
  return join(lab.folder, 'data');
}

/** A network configuration for one call, over the lab's own store. */
export function configuration(lab: Lab, more: Config = {}): Config {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    type: 'dualstack',
    dataDir: dataDirOf(lab),
    podCIDRs,
    ...more,
  };
}

/** A pod that was added, and the configuration that CHECK and DEL get for it. */
export interface AddedPod {
  readonly containerID: string;
  readonly pod: Namespace;
  readonly result: Result;
  readonly config: Config;
}

export async function addPod(
  lab: Lab,
  node: Namespace,
  more: Config = {},
  containerID = 'container-1',
): Promise<AddedPod> {
  const pod = await lab.pod();
  const config = configuration(lab, more);
  const result = succeeded(await call(node, 'ADD', config, { netns: pod.path, containerID }));
  return { containerID, pod, result, config: { ...config, prevResult: result } };
}
