import type { Bandwidth, Limit } from '../../conf/rules.ts';
import { describeAttachment } from '../../ipam/attachment.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import { mtuOf } from '../host/host.ts';
import { ownPairs } from '../link/apply.ts';
import type { Run } from '../process/exec.ts';
import { answerOf, batch, type Place, parseAnswer, placed } from '../process/ip.ts';
import { planShaping, type Qdisc, shapingProblems } from './shaping.ts';

/** A link, where it is, and how fast packets may leave it there. */
interface Shaped {
  readonly place: Place;
  readonly link: string;
  readonly limit: Limit;
}

/** What goes to the pod leaves the host by the host's end, and what comes from it leaves the pod by the pod's. */
function shapedLinks(
  bandwidth: Bandwidth,
  hostEnd: string,
  attachment: Attachment,
  descriptor: number,
): Shaped[] {
  const { ingress, egress } = bandwidth;
  return [
    ...(ingress ? [{ place: 'host' as const, link: hostEnd, limit: ingress }] : []),
    ...(egress ? [{ place: descriptor, link: attachment.ifname, limit: egress }] : []),
  ];
}

/** Whether a request has limits: only then is `tc` started. */
function isLimited(bandwidth: Bandwidth | undefined): bandwidth is Bandwidth {
  return Boolean(bandwidth?.ingress ?? bandwidth?.egress);
}

/**
 * Limits what passes an attachment's pair. The limits go with the pair.
 *
 * @param mtu of the pair, in bytes.
 * @throws {RefusedLine} when the kernel refuses, as one without the token bucket filter does.
 * @throws {Failure} code 11 past the deadline, 102 when there is no `tc`.
 */
export async function shape(
  run: Run,
  attachment: Attachment,
  descriptor: number,
  { hostEnd, mtu }: { readonly hostEnd: string; readonly mtu: number },
  bandwidth: Bandwidth | undefined,
): Promise<void> {
  if (!isLimited(bandwidth)) return;
  const operation = `limit the bandwidth of ${describeAttachment(attachment)}`;
  for (const { place, link, limit } of shapedLinks(bandwidth, hostEnd, attachment, descriptor)) {
    await batch(run, place, 'tc', operation, planShaping(limit, link, mtu));
  }
}

async function qdiscsOf(run: Run, place: Place, link: string): Promise<Qdisc[]> {
  const command = { program: 'tc', args: ['-json', 'qdisc', 'show', 'dev', link] };
  const answer = await answerOf(run, placed(command, place), `inspect the bandwidth of ${link}`);
  return parseAnswer(answer) as Qdisc[];
}

/**
 * Compares the limits of an attachment with those that it should have.
 *
 * @returns a sentence for each that is missing or altered; none without a pair, which is a problem of its own.
 */
export async function inspectShaping(
  run: Run,
  attachment: Attachment,
  descriptor: number,
  bandwidth: Bandwidth | undefined,
): Promise<string[]> {
  if (!isLimited(bandwidth)) return [];
  const [pair] = await ownPairs(run, attachment, `inspect container ${attachment.containerID}`);
  const mtu = pair && mtuOf(pair.hostEnd);
  if (!pair || mtu === undefined) return [];
  const links = shapedLinks(bandwidth, pair.hostEnd, attachment, descriptor);
  const problems = links.map(async ({ place, link, limit }) =>
    shapingProblems(limit, link, mtu, await qdiscsOf(run, place, link)),
  );
  return (await Promise.all(problems)).flat();
}
