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

async function path(from: Namespace, to: Namespace, addresses: readonly string[]): Promise<PathFigures> {
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

/** What two pods of a node, and the node itself, have of each other. */
export async function paths(site: Site, progress: Progress): Promise<PathsFigures> {
  const [one, other] = [await site.pod(), await site.pod()];
  await site.call('ADD', 'one', one);
  await site.call('ADD', 'other', other);
  const addresses = await site.addressesOf('other');
  progress(`throughput: ${site.contestant.name}, pod to pod`);
  const podToPod = await path(one, other, addresses);
  progress(`throughput: ${site.contestant.name}, node to pod`);
  const nodeToPod = await path(site.node, other, addresses);
  await site.call('DEL', 'one', one);
  await site.call('DEL', 'other', other);
  return { podToPod, nodeToPod };
}
