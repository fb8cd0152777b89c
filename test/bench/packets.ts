import { execa } from 'execa';
import type { Namespace } from '../lab/namespaces.ts';
import { throughput } from '../lab/throughput.ts';
import type { Progress } from './progress.ts';
import { inside, type Site, script } from './site.ts';
import { median } from './statistics.ts';

type PerFamily = Readonly<Record<'IPv4' | 'IPv6', number>>;

const families = ['IPv4', 'IPv6'] as const;
const outside = { IPv4: '192.0.2.1', IPv6: '2001:db8::1' } as const;

/** Until a packet was answered, in milliseconds. */
async function answered(pod: Namespace, address: string): Promise<number> {
  const [program, args] = inside(pod, [script('first-packet.sh'), address]);
  const [start = 0, begun = 0, answer = 0] = (await execa(program, args)).stdout.split(' ').map(Number);
  return (begun - start) / 1000 + answer;
}

async function firstPacket(site: Site, address: string): Promise<number> {
  const pod = await site.pod();
  await site.call('ADD', 'packet', pod);
  const delay = await answered(pod, address);
  await site.call('DEL', 'packet', pod);
  return delay;
}

/** When the first packet of a pod is answered by the outside, in milliseconds after ADD. */
export async function firstPackets(site: Site, times: number, progress: Progress): Promise<PerFamily> {
  const delays: Record<string, number> = {};
  for (const family of families) {
    progress(`first packet: ${site.contestant.name}, ${family}`);
    const all: number[] = [];
    for (let time = 0; time < times; time++) all.push(await firstPacket(site, outside[family]));
    delays[family] = median(all);
  }
  return delays as PerFamily;
}

/** Gbit/s of one TCP connection, and milliseconds of a packet there and back. */
export interface PathFigures {
  readonly throughput: PerFamily;
  readonly latency: PerFamily;
}

/** `rtt min/avg/max/mdev = 0.010/0.015/0.031/0.004 ms` */
async function latency(from: Namespace, address: string): Promise<number> {
  const report = await from.run('ping', '-n', '-q', '-i', '0.002', '-c', '300', address);
  return Number(/= [\d.]+\/([\d.]+)\//.exec(report)?.[1]);
}

/** From where to where, and the addresses there. */
interface Path {
  readonly from: Namespace;
  readonly to: Namespace;
  readonly addresses: readonly string[];
}

async function measure({ from, to, addresses }: Path): Promise<PathFigures> {
  const figures = { throughput: {} as Record<string, number>, latency: {} as Record<string, number> };
  for (const address of addresses) {
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    await from.run('ping', '-n', '-q', '-c', '1', '-W', '5', address);
    figures.throughput[family] = (await throughput(from, to, address)) / 1e9;
    figures.latency[family] = await latency(from, address);
  }
  return figures as unknown as PathFigures;
}

export interface PathsFigures {
  readonly podToPod: PathFigures;
  readonly nodeToPod: PathFigures;
}

/** Two pods of a node, and the ways to one of them. */
async function lay(site: Site): Promise<Readonly<Record<keyof PathsFigures, Path>>> {
  const [one, to] = [await site.pod(), await site.pod()];
  await site.call('ADD', 'one', one);
  await site.call('ADD', 'other', to);
  const addresses = await site.addressesOf('other');
  return { podToPod: { from: one, to, addresses }, nodeToPod: { from: site.node, to, addresses } };
}

function mediansOf(samples: readonly PathFigures[]): PathFigures {
  const perFamily = (figure: keyof PathFigures): PerFamily => ({
    IPv4: median(samples.map((sample) => sample[figure].IPv4)),
    IPv6: median(samples.map((sample) => sample[figure].IPv6)),
  });
  return { throughput: perFamily('throughput'), latency: perFamily('latency') };
}

/** What two pods of a node, and the node itself, have of each other: medians of rounds, the sites in turns. */
export async function travels(
  sites: readonly Site[],
  rounds: number,
  progress: Progress,
): Promise<Map<Site, PathsFigures>> {
  const taken = [];
  for (const site of sites) taken.push({ site, paths: await lay(site), samples: [] as PathsFigures[] });
  for (let round = 1; round <= rounds; round++) {
    for (const { site, paths, samples } of taken) {
      progress(`throughput: round ${round} of ${rounds}, ${site.contestant.name}`);
      const [podToPod, nodeToPod] = [await measure(paths.podToPod), await measure(paths.nodeToPod)];
      samples.push({ podToPod, nodeToPod });
    }
  }
  for (const { site, paths } of taken) {
    await site.call('DEL', 'one', paths.podToPod.from);
    await site.call('DEL', 'other', paths.podToPod.to);
  }
  return new Map(
    taken.map(({ site, samples }) => [
      site,
      {
        podToPod: mediansOf(samples.map(({ podToPod }) => podToPod)),
        nodeToPod: mediansOf(samples.map(({ nodeToPod }) => nodeToPod)),
      },
    ]),
  );
}
