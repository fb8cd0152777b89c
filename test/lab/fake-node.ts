import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openStore } from '../../cmd/cni/call.ts';
import type { Run } from '../../netns/process/exec.ts';
import { FakeKernel } from './fake-kernel.ts';
import {
  type Answering,
  attachmentEnvironment,
  callInProcess,
  type InProcessOutcome,
  podNamespaces,
} from './in-process.ts';
import { temporaryFolder } from './stores.ts';

/** A node whose kernel is not real. Pods live as long as the path of their namespace. */
export function openNode(t: ExecutionContext, more: object = {}) {
  const kernel = new FakeKernel();
  const folder = temporaryFolder(t);
  const dataDir = join(folder, 'data');
  const input = {
    cniVersion: '1.1.0',
    name: 'pods',
    dataDir,
    podCIDRs: ['10.0.0.0/29', 'fd00::/64'],
    sysctls: false,
    mtu: 1450,
    ...more,
  };
  const living = new Map<string, string>();
  const netns = (containerID: string) => join(folder, `netns-${containerID}`);
  const call = (
    verb: string,
    containerID: string,
    changes: object = {},
    { as, run = kernel.run, portPatience }: { as?: Answering; run?: Run; portPatience?: number } = {},
  ) =>
    callInProcess(verb, {
      environment: {
        ...attachmentEnvironment,
        CNI_CONTAINERID: containerID,
        CNI_NETNS: netns(containerID),
        CNI_PATH: folder,
      },
      input: { ...input, ...changes },
      run,
      ...(as && { as }),
      ...(portPatience !== undefined && { portPatience }),
    });
  const live = (containerID: string) => {
    const namespace = podNamespaces.find((one) => ![...living.values()].includes(one)) ?? '';
    living.set(containerID, namespace);
    symlinkSync(namespace, netns(containerID));
  };
  const add = async (
    containerID: string,
    changes: object = {},
    more: { portPatience?: number } = {},
  ): Promise<InProcessOutcome> => {
    live(containerID);
    return call('ADD', containerID, changes, more);
  };
  const die = (...names: string[]) => {
    for (const name of names) {
      rmSync(netns(name));
      kernel.end(living.get(name) ?? '');
      living.delete(name);
    }
  };
  /** Which of the pods the store of a network knows. */
  const known = (name = 'pods') =>
    openStore({ dataDir, name })
      .known()
      .map((one) => one.attachment.containerID)
      .sort();
  const forgetPath = (containerID: string) => rmSync(netns(containerID));
  return { kernel, folder, dataDir, call, live, add, die, forgetPath, known };
}
