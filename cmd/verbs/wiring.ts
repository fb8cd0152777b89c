import { Failure, reason } from '../../conf/failure.ts';
import { IPv4 } from '../../conf/family.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import { isAlive } from '../../ipam/store/claim.ts';
import { entriesOfAllNetworks } from '../../ipam/store/lease-index.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { isForwarding, setSysctl } from '../../netns/host/host.ts';
import { type Effects, rewire } from '../../netns/link/apply.ts';
import { inspectHost, inspectWiring, type Snapshot } from '../../netns/link/inspect.ts';
import { linkExists } from '../../netns/link/liveness.ts';
import { isNamespace, openNamespace } from '../../netns/link/namespace.ts';
import { candidateNames } from '../../netns/link/naming.ts';
import type { Wiring } from '../../netns/link/plan.ts';
import { parseWiring } from '../../netns/link/record.ts';
import type { Run } from '../../netns/process/exec.ts';

/** An attachment that is alive: its host end and its namespace are there, and nobody is adding or removing it. */
export interface Living {
  readonly attachment: Attachment;
  /** Path of its namespace. */
  readonly netns: string;
  /** As its ADD noted it; undefined for what an earlier version added. */
  readonly wiring: Wiring | undefined;
}

/** What is wrong with the wiring of one attachment: a sentence each. */
export interface Damage {
  readonly living: Living;
  readonly problems: readonly string[];
}

/** Of all networks that have their leases in these folders. */
export function livingAttachments(dataDirs: readonly string[]): Living[] {
  return entriesOfAllNetworks(dataDirs, readBootID()).flatMap(
    ({ attachment, netns, owner, ended, records }) => {
      const hasLink = candidateNames(attachment).some(({ hostEnd }) => linkExists(hostEnd));
      if (!hasLink || ended || isAlive(owner) || !isNamespace(netns)) return [];
      return [{ attachment, netns, wiring: parseWiring(records, attachment) }];
    },
  );
}

/** So many programs at once are no slower than one after the other would be on an idle machine, and leave room on a busy one. */
const atOnce = 4;

/** Does each thing, some at a time, in their order. */
async function eachOf<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function problemsOf(run: Run, living: Living, host: (device: string) => Snapshot): Promise<string[]> {
  const { attachment, netns, wiring } = living;
  if (!wiring) return [];
  const namespace = openNamespace(netns);
  try {
    return await inspectWiring(run, namespace.descriptor, attachment, wiring, host);
  } finally {
    namespace.close();
  }
}

/** A pod that ends meanwhile is no damage. */
async function damageOf(run: Run, living: Living, host: (device: string) => Snapshot): Promise<Damage[]> {
  const isThere = () => isNamespace(living.netns);
  try {
    const problems = await problemsOf(run, living, host);
    return problems.length > 0 && isThere() ? [{ living, problems }] : [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return isThere() ? [{ living, problems: [reason(error)] }] : [];
  }
}

/**
 * Compares the wiring of attachments with what was noted of it, as CHECK does. The host is asked once for all.
 *
 * @param progress is told how many were looked at.
 * @throws {Failure} when `ip` does not answer.
 */
export async function inspectWirings(
  run: Run,
  living: readonly Living[],
  progress: (done: number) => void,
): Promise<Damage[]> {
  if (living.length === 0) return [];
  const host = await inspectHost(run);
  const damages: Damage[] = [];
  let done = 0;
  await eachOf(living, async (each) => {
    damages.push(...(await damageOf(run, each, host)));
    done++;
    progress(done);
  });
  return damages;
}

/** The switch by which the host forwards what comes from a pod. */
function forwardingOf({ names }: Wiring): string {
  return `/proc/sys/net/ipv4/conf/${names.hostEnd}/forwarding`;
}

/** New links take the default's value, which may be off where the host forwards. @returns the host ends that were. */
function forwardFrom({ writeSetting }: Effects, living: readonly Living[]): string[] {
  if (!isForwarding(IPv4)) return [];
  return living.flatMap(({ wiring }) => {
    const isOfIPv4 = wiring?.addresses.some(({ address }) => address.family === IPv4);
    if (!wiring || !isOfIPv4 || !setSysctl(writeSetting, forwardingOf(wiring), '1')) return [];
    return [wiring.names.hostEnd];
  });
}

/** What a repair of wirings met. */
export interface Rewired {
  /** What is as it should be again. */
  readonly mended: readonly Damage[];
  /** What is not. */
  readonly left: readonly Damage[];
  /** Host ends that the host forwarded nothing from, and does again. */
  readonly forwarded: readonly string[];
}

/** The damage of the first list that is not in the second. */
function without(damages: readonly Damage[], left: readonly Damage[]): Damage[] {
  return damages.flatMap(({ living, problems }) => {
    const still = left.find((damage) => damage.living === living)?.problems ?? [];
    const gone = problems.filter((problem) => !still.includes(problem));
    return gone.length > 0 ? [{ living, problems: gone }] : [];
  });
}

/**
 * Wires again what is missing of attachments that are alive, by the lines of an ADD, and looks again.
 *
 * @throws {Failure} as `inspectWirings` and `rewire`.
 */
export async function repairWirings(
  effects: Effects,
  living: readonly Living[],
  progress: (done: number) => void,
): Promise<Rewired> {
  const { run } = effects;
  const damages = await inspectWirings(run, living, progress);
  for (const { living: each } of damages) {
    if (!each.wiring) continue;
    const namespace = openNamespace(each.netns);
    try {
      await rewire(effects, each.attachment, namespace.descriptor, each.wiring);
    } finally {
      namespace.close();
    }
  }
  const forwarded = forwardFrom(effects, living);
  const damaged = damages.map((damage) => damage.living);
  const left = await inspectWirings(run, damaged, () => {});
  return { mended: without(damages, left), left, forwarded };
}
