import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cidr, formatAddress, parseCidr } from '../../conf/family.ts';
import { formatLease } from '../../ipam/store/lease-file.ts';
import { podCIDRs } from './contestants.ts';
import type { Progress } from './progress.ts';
import type { Site, Timing } from './site.ts';
import { median } from './statistics.ts';

/** Medians in milliseconds beside so many pods' leases. */
export interface LeaseFigures {
  readonly pods: number;
  readonly ADD: number;
  readonly DEL: number;
}

/** Leases of pods that are elsewhere, in host-local's files: dualstack takes them over with its first call. */
function fill(dataDir: string, pods: number): void {
  const folder = join(dataDir, 'pods');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const cidrs = podCIDRs.flatMap((text) => parseCidr(text) ?? []);
  cidrs.forEach((cidr, position) => {
    const last = fillOne(folder, cidr, pods);
    writeFileSync(join(folder, `last_reserved_ip.${position}`), last);
  });
}

/** From the first address after the gateway on. @returns the last one. */
function fillOne(folder: string, { family, base }: Cidr, pods: number): string {
  const text = (number: number) => formatAddress({ family, value: base + BigInt(number) });
  for (let pod = 0; pod < pods; pod++) {
    const lease = formatLease({ containerID: `leased-${pod}`, ifname: 'eth0' });
    writeFileSync(join(folder, text(pod + 2)), lease);
  }
  return text(pods + 1);
}

async function rounds(site: Site, count: number): Promise<Omit<LeaseFigures, 'pods'>> {
  const pod = await site.pod();
  const timings: { ADD: Timing; DEL: Timing }[] = [];
  for (let round = 0; round <= count; round++) {
    const ADD = await site.call('ADD', 'round', pod);
    timings.push({ ADD, DEL: await site.call('DEL', 'round', pod) });
  }
  const counted = timings.slice(1);
  return {
    ADD: median(counted.map(({ ADD }) => ADD.wall)),
    DEL: median(counted.map(({ DEL }) => DEL.wall)),
  };
}

/**
 * ADD and DEL beside the leases of other pods. The first round does not count.
 *
 * @param open makes a site with an empty store.
 */
export async function besideLeases(
  open: (pods: number) => Promise<Site>,
  counts: readonly number[],
  times: number,
  progress: Progress,
): Promise<LeaseFigures[]> {
  const figures: LeaseFigures[] = [];
  for (const pods of counts) {
    const site = await open(pods);
    progress(`leases: ${site.contestant.name} beside ${pods}`);
    if (pods > 0) fill(site.dataDir, pods);
    figures.push({ pods, ...(await rounds(site, times)) });
  }
  return figures;
}
