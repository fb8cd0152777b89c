import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeRegistry } from '../../ipam/store/registry.ts';
import { type Command, run } from '../../netns/process/exec.ts';
import { thisNode } from '../cni/call.ts';
import { type Answer, answer, type Face, type VerbName } from '../cni/protocol.ts';
import { readStandardInput } from './streams.ts';

/** Our own namespace stands for the pod's: nothing is done to it. */
const environment = {
  CNI_CONTAINERID: 'rehearsal',
  CNI_IFNAME: 'eth0',
  CNI_NETNS: '/proc/self/ns/net',
  CNI_NETNS_OVERRIDE: '1',
  CNI_PATH: '/opt/cni/bin',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=rehearsal',
};

const podCIDRs = ['10.244.1.0/24', 'fd00:10:244:1::/64'];

/** In place of whatever a call would start, one that says a word: so starting and waiting is rehearsed, too. */
function startHarmless(command: Command): ReturnType<typeof run> {
  return run({ ...command, program: '/bin/echo', args: ['rehearsal'] });
}

/** Settings of the machine that builds stay as they are. */
const here = { ...thisNode(startHarmless, () => {}), writeSetting: () => {} };

/** @returns what ADD answered. */
async function live(face: Face, dataDir: string, podCIDRs: readonly string[]): Promise<Answer> {
  const network = { cniVersion: '1.0.0', name: 'rehearsal', type: 'dualstack', podCIDRs, dataDir };
  const call = (verb: VerbName, prevResult?: unknown) => {
    const readInput = () => readStandardInput() + JSON.stringify({ ...network, prevResult });
    const registry = new NodeRegistry(`${dataDir}/node`);
    return answer(verb, face, { ...here, registry, environment, readInput });
  };
  const added = await call('ADD');
  await call('CHECK', JSON.parse(added.output));
  await call('DEL');
  return added;
}

/**
 * Makes the calls of a pod's life, which change nothing outside a temporary folder, so that their code is compiled:
 * what is compiled stays so in the start-up snapshot.
 *
 * @throws {Error} when ADD does not go to its end, be it with IPv4 alone on a machine without IPv6: every pod would
 *   pay for what was left out.
 */
export async function rehearse(face: Face): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dualstack-rehearsal-'));
  try {
    const both = await live(face, `${folder}/both`, podCIDRs);
    const any = both.status === 0 ? both : await live(face, `${folder}/ipv4`, podCIDRs.slice(0, 1));
    if (any.status !== 0) throw new Error(`the rehearsal of ADD failed: ${any.output}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
