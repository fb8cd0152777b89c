import { execa } from 'execa';
import type { Namespace } from '../lab/namespaces.ts';
import type { Progress } from './progress.ts';
import { inside, type Site, type Timing, type Verb } from './site.ts';
import { median } from './statistics.ts';

const verbs: readonly Verb[] = ['ADD', 'CHECK', 'DEL'];

/** The medians of one contestant, in milliseconds; the CPU time is that of ADD and DEL together. */
export interface LifeFigures {
  readonly ADD: number;
  readonly CHECK: number;
  readonly DEL: number;
  readonly cpu: number;
}

/** One life of a pod. */
type Life = Readonly<Record<Verb, Timing>>;

async function live(site: Site, pod: Namespace): Promise<Life> {
  const timings = {} as Record<Verb, Timing>;
  for (const verb of verbs) timings[verb] = await site.call(verb, 'round', pod);
  return timings;
}

function figuresOf(lives: readonly Life[]): LifeFigures {
  const wall = (verb: Verb) => median(lives.map((life) => life[verb].wall));
  const cpu = median(lives.map(({ ADD, DEL }) => ADD.cpu + DEL.cpu));
  return { ADD: wall('ADD'), CHECK: wall('CHECK'), DEL: wall('DEL'), cpu };
}

/**
 * ADD, CHECK and DEL of one pod after the other, the contestants in turns, so that what else the machine does meets
 * all of them alike. The first round does not count.
 *
 * @param alongside what else is measured once in each round.
 */
export async function lifeRounds(
  sites: readonly Site[],
  rounds: number,
  alongside: () => Promise<void>,
  progress: Progress,
): Promise<Map<Site, LifeFigures>> {
  const lives = new Map<Site, Life[]>(sites.map((site) => [site, []]));
  const pods = new Map(await Promise.all(sites.map(async (site) => [site, await site.pod()] as const)));
  const slowRounds = Math.max(2, Math.ceil(rounds / 5));
  for (let round = 0; round <= rounds; round++) {
    progress(`ADD, CHECK, DEL: round ${round} of ${rounds}`);
    for (const [site, pod] of pods) {
      if (site.contestant.isSlow && round > slowRounds) continue;
      const life = await live(site, pod);
      if (round > 0) lives.get(site)?.push(life);
    }
    await alongside();
  }
  return new Map([...lives].map(([site, all]) => [site, figuresOf(all)]));
}

/** The most memory that a process of an ADD has, in MiB. */
export async function peakMemory(site: Site): Promise<number> {
  const pod = await site.pod();
  const command = ['/usr/bin/time', '--format=%M', site.contestant.program];
  const [program, args] = inside(site.node, command);
  const call = async (verb: Verb) => {
    const env = site.environment(verb, { CNI_CONTAINERID: 'memory', CNI_NETNS: pod.path });
    const { stderr } = await execa(program, args, { env, extendEnv: false, input: site.configuration() });
    return Number(stderr.split('\n').at(-1)) / 1024;
  };
  const peak = await call('ADD');
  await call('DEL');
  return peak;
}
