import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Namespace } from '../lab/namespaces.ts';
import type { Progress } from './progress.ts';
import { inside, type Site, script } from './site.ts';
import { median } from './statistics.ts';

/** Milliseconds until the last of many calls was done, and how many failed. */
export interface BurstFigures {
  readonly ADD: number;
  readonly DEL: number;
  readonly failed: number;
}

async function burst(site: Site, verb: 'ADD' | 'DEL', pods: readonly Namespace[]) {
  const folder = join(dirname(site.dataDir), `burst-${verb}`);
  const [input, list] = [join(folder, 'input'), join(folder, 'pods')];
  await mkdir(folder, { recursive: true });
  await writeFile(input, site.configuration());
  await writeFile(list, pods.map(({ path }) => `${path}\n`).join(''));
  const command = [script('burst.sh'), input, folder, list, site.contestant.program];
  const [program, args] = inside(site.node, command);
  const { stdout } = await execa(program, args, { env: site.environment(verb, {}), extendEnv: false });
  const [start = 0, failed = 0, end = 0] = stdout.split(' ').map(Number);
  return { wall: (end - start) / 1000, failed };
}

async function wave(site: Site, pods: readonly Namespace[]): Promise<BurstFigures> {
  const added = await burst(site, 'ADD', pods);
  const deleted = await burst(site, 'DEL', pods);
  return { ADD: added.wall, DEL: deleted.wall, failed: added.failed + deleted.failed };
}

/** All pods at once, several times, the contestants in turns. */
export async function bursts(
  sites: readonly Site[],
  pods: readonly Namespace[],
  times: number,
  progress: Progress,
): Promise<Map<Site, BurstFigures>> {
  const waves = new Map<Site, BurstFigures[]>(sites.map((site) => [site, []]));
  for (let time = 1; time <= times; time++) {
    for (const site of sites) {
      progress(`${pods.length} pods at once: ${site.contestant.name}, ${time} of ${times}`);
      waves.get(site)?.push(await wave(site, pods));
    }
  }
  const figures = (all: readonly BurstFigures[]): BurstFigures => ({
    ADD: median(all.map(({ ADD }) => ADD)),
    DEL: median(all.map(({ DEL }) => DEL)),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
  });
  return new Map([...waves].map(([site, all]) => [site, figures(all)]));
}
