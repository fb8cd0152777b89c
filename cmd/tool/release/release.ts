import { codes, Failure } from '../../../conf/failure.ts';
import { printable } from '../../../conf/printable.ts';
import { describeAttachment } from '../../../ipam/attachment.ts';
import type { Attachment } from '../../../ipam/store/store.ts';
import { linkExists } from '../../../netns/link/liveness.ts';
import { candidateNames } from '../../../netns/link/naming.ts';
import { Call, thisNode } from '../../cni/call.ts';
import { plugin as face } from '../../verbs/plugin.ts';
import { type Command, confDirFlag, type Report, type ToolHost, type Typed } from '../engine/command.ts';
import { findNetworks, type Network } from '../engine/networks.ts';

interface Match {
  readonly network: Network;
  readonly attachment: Attachment;
}

/** As a runtime's call for an attachment; for all of a network without one. */
function callFor(network: Network, host: ToolHost, warnings: string[], attachment?: Attachment): Call {
  const { containerID = '', ifname = '' } = attachment ?? {};
  return new Call(
    face,
    {
      // A lease that names no interface is the whole container's.
      environment: { ...host.environment, CNI_CONTAINERID: containerID, CNI_IFNAME: ifname || 'eth0' },
      version: '1.1.0',
      input: network.input,
    },
    thisNode(host.run, (sentence) => void warnings.push(sentence)),
  );
}

/** By a container's ID, or the beginning of one as runtimes abbreviate it. @throws {Failure} code 7 when it is none's. */
function matchesOf(word: string, networks: readonly Network[]): Match[] {
  const all = networks.flatMap((network) =>
    network.store.known().map(({ attachment }) => ({ network, attachment })),
  );
  const exact = all.filter(({ attachment }) => attachment.containerID === word);
  const found =
    exact.length > 0 ? exact : all.filter(({ attachment }) => attachment.containerID.startsWith(word));
  const ids = new Set(found.map(({ attachment }) => attachment.containerID));
  if (ids.size === 1) return found;
  const why = ids.size === 0 ? 'no container that has a lease begins so' : `${ids.size} containers begin so`;
  throw new Failure(codes.configuration, `release ${word}: ${why}`, {
    details: 'dualstack leases --json has all of them',
  });
}

/** @throws {Failure} code 101 for one that has its link: its pod may well be running. */
function rejectAlive(attachment: Attachment): void {
  const link = candidateNames(attachment).find(({ hostEnd }) => linkExists(hostEnd));
  if (!link) return;
  throw new Failure(
    codes.inUse,
    `release ${describeAttachment(attachment)}: its interface ${link.hostEnd} is there, so its pod may be running`,
    { details: 'delete the pod: the runtime releases it then' },
  );
}

async function releaseDead(
  networks: readonly Network[],
  host: ToolHost,
  warnings: string[],
): Promise<string[]> {
  const released: string[] = [];
  for (const network of networks) {
    const dead = network.store.dead();
    const unreadable = [...network.store.taken()].filter((address) => !network.store.holderOf(address));
    await face.handlers.GC(callFor(network, host, warnings));
    released.push(...dead.map(describeAttachment), ...unreadable.map((address) => `the file ${address}`));
  }
  return released;
}

async function releaseOne(word: string, networks: readonly Network[], host: ToolHost, warnings: string[]) {
  const matches = matchesOf(word, networks);
  for (const { attachment } of matches) rejectAlive(attachment);
  for (const { network, attachment } of matches)
    await face.handlers.DEL(callFor(network, host, warnings, attachment));
  return matches.map(({ attachment }) => describeAttachment(attachment));
}

async function act(typed: Typed, host: ToolHost): Promise<Report> {
  const { argument } = typed;
  const networks = findNetworks(typed.text('conf-dir') ?? '');
  if ((argument === undefined) !== typed.isSet('dead'))
    throw new Failure(codes.configuration, 'release which? Name a container, or say --dead');
  const warnings: string[] = [];
  const released =
    argument === undefined
      ? await releaseDead(networks, host, warnings)
      : await releaseOne(argument, networks, host, warnings);
  const lines = released.map((what) => `released ${what}`);
  const text = [...warnings, ...(lines.length > 0 ? lines : ['Nothing to release.'])]
    .map(printable)
    .join('\n');
  return { status: 0, json: { released, warnings }, text };
}

export const release: Command = {
  name: 'release',
  summary: 'give back the addresses of pods that are gone',
  argument: {
    name: 'container',
    isRequired: false,
    summary: 'a container that has no interface any more: its ID, or the beginning of that',
  },
  flags: [
    {
      name: 'dead',
      summary: 'of all pods whose namespace and interface are both gone, and files that are no leases',
    },
    confDirFlag,
  ],
  examples: [
    ['dualstack release --dead', 'what an ADD does by itself when a pool is exhausted'],
    ['dualstack release 4a1f0c5d1e2b', 'one that is not provably dead; refused while its interface is there'],
  ],
  act,
};
