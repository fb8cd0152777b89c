import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Containerd } from './containerd.ts';
import { imageName } from './image.ts';
import type { Machine } from './machine.ts';

export type Pod = {
  id: string;
  /** As CRI reports them to kubelet: the primary address, then the others. */
  podIPs: string[];
  /** Runs a command in the pod's container; its standard output. */
  exec(command: string, ...args: string[]): Promise<string>;
};

/** The CRI as kubelet uses it. */
export type Cri = {
  /** Tells the runtime the Node's `.spec.podCIDRs`, in their order. */
  setPodCIDRs(podCIDRs: string[]): Promise<void>;
  /** Runs a pod with one container in it, which runs `command`. */
  runPod(name: string, command: string[], annotations?: Record<string, string>): Promise<Pod>;
  removePod(pod: Pod): Promise<void>;
};

type PodStatus = { status: { network: { ip: string; additionalIps?: { ip: string }[] } } };

const secondsForOneCall = 60;

/** Drives containerd's CRI through the executable `program` of cri-tools. */
export async function connect(program: string, machine: Machine, { socket }: Containerd): Promise<Cri> {
  const config = join(machine.folder, 'crictl.yaml');
  await writeFile(config, `runtime-endpoint: unix://${socket}\ntimeout: ${secondsForOneCall}\n`);
  const crictl = (...args: string[]) => machine.run(program, ['--config', config, ...args]);

  const file = async (name: string, content: object) => {
    const path = join(machine.folder, name);
    await writeFile(path, JSON.stringify(content));
    return path;
  };

  return {
    async setPodCIDRs(podCIDRs) {
      await crictl('update-runtime-config', '--pod-cidr', podCIDRs.join(','));
    },

    async runPod(name, command, annotations = {}) {
      const metadata = { name, namespace: 'default', uid: randomUUID(), attempt: 0 };
      const podFile = await file(`${name}.json`, { metadata, annotations, linux: {} });
      const container = { metadata: { name, attempt: 0 }, image: { image: imageName }, command, linux: {} };
      const containerFile = await file(`${name}-container.json`, container);
      const id = await crictl('runp', podFile);
      const containerID = await crictl('create', '--no-pull', id, containerFile, podFile);
      await crictl('start', containerID);
      return {
        id,
        podIPs: podIPsOf(JSON.parse(await crictl('inspectp', id))),
        exec: (program, ...args) =>
          crictl('exec', '--sync', '--timeout', '10', containerID, program, ...args),
      };
    },

    async removePod({ id }) {
      await crictl('stopp', id);
      await crictl('rmp', id);
    },
  };
}

function podIPsOf({ status: { network } }: PodStatus): string[] {
  return [network.ip, ...(network.additionalIps ?? []).map(({ ip }) => ip)];
}
