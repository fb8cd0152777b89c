import type { Route } from '../../conf/configuration.ts';
import { codes, Failure } from '../../conf/failure.ts';
import { parseAddress } from '../../conf/family.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { isIPv6OffByDefault, linksWith, setSysctl, type WriteSetting } from '../host/host.ts';
import { CommandError, type Run } from '../process/exec.ts';
import { commandFailure, ipBatch, ipQuery, type Place, placed, RefusedLine } from '../process/ip.ts';
import { linkExists } from './liveness.ts';
import { candidateNames, hostEndPrefix, linkLocal, type PairNames } from './naming.ts';
import {
  addRoute,
  type Beside,
  hasIPv6,
  hostEndSysctls,
  planBeside,
  planHost,
  planHostEnd,
  plannedRoutes,
  planPair,
  planPod,
  quietSysctls,
  type Wiring,
} from './plan.ts';

interface LinkSeen {
  readonly ifname: string;
  readonly address: string;
}

interface AddressedLink extends LinkSeen {
  readonly addr_info: readonly { readonly local?: string }[];
}

function named(links: unknown[], name: string): LinkSeen | undefined {
  return (links as LinkSeen[]).find((link) => link.ifname === name);
}

/** The attachment's own links: those that have both a name and a MAC address of its. */
export async function ownPairs(run: Run, attachment: Attachment, operation: string): Promise<PairNames[]> {
  const candidates = candidateNames(attachment);
  const questions = candidates.map(({ hostEnd }) => `link show dev ${hostEnd}`);
  const links = await ipQuery(run, 'host', operation, questions);
  return candidates.filter(({ hostEnd, hostMac }) => named(links, hostEnd)?.address === hostMac);
}

/**
 * The attachment's own links, as far as the kernel's files tell, which takes no process: those that have both a name and
 * the link-local address that its MAC address gives. Undefined when one with a name of its has no such address, and when
 * there is none.
 */
function evidentPairs(attachment: Attachment): PairNames[] | undefined {
  const existing = candidateNames(attachment).filter(({ hostEnd }) => linkExists(hostEnd));
  const isEvident = ({ hostEnd, hostMac }: PairNames) => {
    const address = parseAddress(linkLocal(hostMac));
    return address !== undefined && linksWith(address).includes(hostEnd);
  };
  return existing.length > 0 && existing.every(isEvident) ? existing : undefined;
}

/** Whether a link that is not the attachment's has the name: a collision of hashes. */
async function isForeign(run: Run, names: PairNames, operation: string): Promise<boolean> {
  const link = named(
    await ipQuery(run, 'host', operation, [`link show dev ${names.hostEnd}`]),
    names.hostEnd,
  );
  return link !== undefined && link.address !== names.hostMac;
}

/** A wiring whose pair has no names yet. */
export interface WiringRequest extends Omit<Wiring, 'names'> {
  /** Of the pod's end, when somebody asked for one. */
  readonly podMac: string | undefined;
}

/** What was done to the kernel by the time of an error. */
export interface WiringProgress {
  /** Whether there may be a pair of ours. */
  hasPair: boolean;
}

/** How the host is changed: by programs, and by settings under /proc/sys. */
export interface Effects {
  readonly run: Run;
  readonly writeSetting: WriteSetting;
}

/**
 * Creates the veth pair and sets up the host end. If another link has a name, it tries the next one.
 *
 * @returns the wiring that was applied.
 */
export async function wireHost(
  effects: Effects,
  attachment: Attachment,
  descriptor: number,
  request: WiringRequest,
  progress: WiringProgress,
): Promise<Wiring> {
  const operation = `wire ${describeAttachment(attachment)}`;
  for (const names of candidateNames(attachment, request.podMac)) {
    const wiring = { ...request, names };
    try {
      await makePair(effects, descriptor, operation, wiring);
      progress.hasPair = true;
      return wiring;
    } catch (error) {
      if (!isPairRefused(error)) {
        progress.hasPair = mayHaveActed(error);
        throw error;
      }
      if (!(await isForeign(effects.run, names, operation))) throw interfaceExists(wiring, operation, error);
    }
  }
  throw new Failure(codes.wiring, `${operation}: other links have all the names that it could use`);
}

/**
 * On the host, with the pod's namespace at hand for the pair's other end. A link that begins without IPv6 gets it before
 * its addresses come, which takes a second `ip`.
 */
async function makePair(
  { run, writeSetting }: Effects,
  descriptor: number,
  operation: string,
  wiring: Wiring,
): Promise<void> {
  const batch = (lines: string[]) =>
    ipBatch((command) => run({ ...command, descriptor, beside: true }), 'host', operation, lines);
  const inTwo = hasIPv6(wiring) && isIPv6OffByDefault();
  await batch(inTwo ? planPair(wiring) : planHost(wiring));
  for (const [path, value] of hostEndSysctls(wiring)) setSysctl(writeSetting, path, value);
  if (inTwo) await batch(planHostEnd(wiring));
}

function isPairRefused(error: unknown): error is RefusedLine {
  return error instanceof RefusedLine && error.line.startsWith('link add') && error.answer.kind === 'exists';
}

/** A program that was not started has not created anything. */
function mayHaveActed(error: unknown): boolean {
  const cause = error instanceof Failure ? error.cause : undefined;
  return !(cause instanceof CommandError && ['missing', 'not started'].includes(cause.outcome.kind));
}

function interfaceExists(wiring: Wiring, operation: string, cause: RefusedLine): Failure {
  const which = `${wiring.ifname} in the pod or ${wiring.names.hostEnd} on the host`;
  return new Failure(codes.wiring, `${operation}: the interface already exists: ${which}`, {
    details: `${cause.answer.text}: DEL the attachment first`,
    cause,
  });
}

/**
 * Sets up the pod's end, which the pair brought there.
 *
 * @param isImplied whether nobody asked for the routes: then what the pod has already, of another interface, stands. So it
 *   does when that is of the same network, which asks for the same.
 * @returns the wiring that was applied: without such routes.
 */
export async function wirePod(
  run: Run,
  attachment: Attachment,
  descriptor: number,
  wiring: Wiring,
  isImplied: boolean,
): Promise<Wiring> {
  const operation = `wire ${describeAttachment(attachment)}`;
  await writeZeros(run, descriptor, operation, quietSysctls(wiring, wiring.ifname, true));
  let [left, lines, isSecond] = [wiring, planPod(wiring), false];
  while (lines.length > 0) {
    const refused = await ipBatch(run, descriptor, operation, lines).then(() => undefined, refusedLine);
    if (!refused) return left;
    lines = lines.slice(lines.indexOf(refused.line) + 1);
    const beside = refused.answer.kind === 'exists' ? planBeside(wiring, refused.line) : undefined;
    if (beside) {
      [isSecond, lines] = [true, [...beside.routes, ...lines]];
      await addRules(run, descriptor, operation, beside);
      continue;
    }
    const route = isImplied || isSecond ? existingRoute(refused, left) : undefined;
    if (!route) throw refused;
    left = { ...left, routes: left.routes.filter(({ dst }) => dst !== route.dst) };
  }
  return left;
}

/**
 * Wires again what somebody or something took away: the lines of an ADD, of which the kernel refuses those for what is
 * there. Whoever calls inspects what has become of it.
 *
 * @param descriptor of the pod's network namespace.
 * @throws {Failure} code 11 past the deadline, 102 when a program cannot be started, or /proc/sys not be written.
 */
export async function rewire(
  { run, writeSetting }: Effects,
  attachment: Attachment,
  descriptor: number,
  wiring: Wiring,
): Promise<void> {
  const operation = `repair ${describeAttachment(attachment)}`;
  const { hostEnd, hostMac, podMac } = wiring.names;
  for (const [path, value] of hostEndSysctls(wiring)) setSysctl(writeSetting, path, value);
  await goOn(run, 'host', operation, [ends(hostEnd, hostMac, wiring), ...planHostEnd(wiring)]);
  await writeZeros(run, descriptor, operation, quietSysctls(wiring, wiring.ifname, true));
  await goOn(run, descriptor, operation, [ends(wiring.ifname, podMac, wiring), ...planPod(wiring)]);
}

/** What a link has from when it is made. */
function ends(link: string, mac: string, { mtu }: Wiring): string {
  return `link set dev ${link} mtu ${mtu} address ${mac}`;
}

/** Has `ip` run all lines, also those after one that is refused. */
async function goOn(run: Run, place: Place, operation: string, lines: readonly string[]): Promise<void> {
  const input = lines.map((line) => `${line}\n`).join('');
  try {
    await run(placed({ program: 'ip', args: ['-force', '-batch', '-'], input }, place));
  } catch (error) {
    const isAnswer = error instanceof CommandError && error.outcome.kind === 'failed';
    if (!isAnswer) throw commandFailure(operation, error);
  }
}

/** `ip` takes rules of the family that it is told; one that is there already is of an interface that had the address. */
async function addRules(run: Run, descriptor: number, operation: string, beside: Beside): Promise<void> {
  const inFamily: Run = (command) =>
    run({ ...command, args: [...command.args, `-${beside.family.version}`] });
  for (const rule of beside.rules) {
    await ipBatch(inFamily, descriptor, operation, [rule]).catch((error: unknown) => {
      if (refusedLine(error).answer.kind !== 'exists') throw error;
    });
  }
}

function refusedLine(error: unknown): RefusedLine {
  if (error instanceof RefusedLine) return error;
  throw error;
}

/** The route of the wiring that was refused since there is one to the same destination. */
function existingRoute({ line, answer }: RefusedLine, wiring: Wiring): Route | undefined {
  if (answer.kind !== 'exists') return undefined;
  return plannedRoutes(wiring).find((route) => addRoute(route, wiring.ifname) === line);
}

/** /proc/sys shows the settings of whoever looks: only a process in the pod's namespace can write the pod's. */
async function writeZeros(
  run: Run,
  descriptor: number,
  operation: string,
  paths: readonly string[],
): Promise<void> {
  if (paths.length === 0) return;
  try {
    await run(placed({ program: 'tee', args: paths, input: '0' }, descriptor));
  } catch (error) {
    throw commandFailure(operation, error);
  }
}

/**
 * Removes the attachment's pair, with all addresses, routes and neighbours on it. A missing pair is not an error.
 *
 * @throws {Failure} code 11 when the kernel is busy, 102 when it refuses.
 */
export async function removePair(run: Run, attachment: Attachment): Promise<void> {
  const operation = `remove the link of ${describeAttachment(attachment)}`;
  const pairs = evidentPairs(attachment) ?? (await ownPairs(run, attachment, operation));
  for (const { hostEnd } of pairs) {
    await deleteLink(run, operation, hostEnd);
  }
}

async function deleteLink(run: Run, operation: string, name: string): Promise<void> {
  try {
    // The kernel takes its time, in which nft does its part.
    await ipBatch((command) => run({ ...command, beside: true }), 'host', operation, [
      `link delete dev ${name}`,
    ]);
  } catch (error) {
    // The namespace or another DEL removed it in the meantime.
    if (!(error instanceof RefusedLine) || error.answer.kind !== 'absent') throw error;
  }
}

/**
 * Removes every pair that has one of these gateways and does not belong to these attachments.
 *
 * @throws {Failure} as `removePair`.
 */
export async function removePairsBut(
  run: Run,
  attachments: readonly Attachment[],
  gateways: readonly string[],
): Promise<void> {
  const operation = 'remove links that belong to nobody';
  const kept = new Set(
    attachments.flatMap((attachment) => candidateNames(attachment)).map(({ hostEnd }) => hostEnd),
  );
  const links = (await ipQuery(run, 'host', operation, ['address show type veth'])) as AddressedLink[];
  const orphans = links.filter(
    ({ ifname, addr_info }) =>
      ifname.startsWith(hostEndPrefix) &&
      !kept.has(ifname) &&
      addr_info.some(({ local }) => local !== undefined && gateways.includes(local)),
  );
  for (const { ifname } of orphans) await deleteLink(run, operation, ifname);
}
