import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { buildGoTools } from '../lab/go-tools.ts';
import { type Lab, openLab } from '../lab/namespaces.ts';
import { bursts } from './bursts.ts';
import { draw } from './chart.ts';
import { builtPlugins, type Contestant, contestants } from './contestants.ts';
import type { BenchFigures, ContestantFigures, FloorFigures } from './figures.ts';
import { openFloor } from './floor.ts';
import { besideLeases } from './leases.ts';
import { firstPackets, travels } from './packets.ts';
import { openProgress, type Progress } from './progress.ts';
import { report } from './report.ts';
import { lifeRounds, peakMemory } from './rounds.ts';
import { Site, type Timing } from './site.ts';
import { median } from './statistics.ts';

const root = join(import.meta.dirname, '../..');
const tools = join(import.meta.dirname, 'tools');

/** How much is measured. */
const whole = {
  rounds: 25,
  bursts: 3,
  pods: 110,
  leases: [0, 1000, 60_000],
  leaseRounds: 7,
  packets: 5,
  travels: 3,
};
const quick = { rounds: 5, bursts: 1, pods: 30, leases: [0, 1000], leaseRounds: 3, packets: 1, travels: 1 };
type Size = typeof whole;

const usage = `npm run bench             some twelve minutes; writes docs/bench.json and docs/bench.svg
npm run bench -- --quick  some two minutes, and writes nothing: to see that it runs
`;

const debianPackage = 'containernetworking-plugins';

async function debianVersion(): Promise<string> {
  const args = ['--show', '--showformat=$' + '{Version}', debianPackage];
  return (await execa('dpkg-query', args)).stdout.split(/[-+]/)[0] ?? '';
}

/** Of os-release(5), such as `Debian GNU/Linux 12 (bookworm)`. */
async function distribution(): Promise<string> {
  return /^PRETTY_NAME="(.*)"$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'Debian';
}

async function builtVersion(): Promise<string> {
  const text = await readFile(join(tools, 'go.mod'), 'utf8');
  return /containernetworking\/plugins v(\S+)/.exec(text)?.[1] ?? '';
}

/** @returns why the newest plugins are not among the contestants, if they are not. */
async function buildNewest(): Promise<string[]> {
  try {
    await buildGoTools(tools, builtPlugins, 'the newest reference plugins');
    return [];
  } catch (error) {
    return [`Without the newest reference plugins: ${(error as Error).message}`];
  }
}

/** Who is measured for what: the rest differs from these in nothing that is measured there. */
const isCrowded = ({ origin, masquerades }: Contestant) => origin === 'ours' || masquerades;
const isScaled = ({ isEqual, isSlow }: Contestant) => isEqual && !isSlow;
const isTravelled = ({ isEqual, origin }: Contestant) => isEqual && origin !== 'newest';

class Bench {
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #size: Size;
  readonly #progress: Progress;
  #sites = 0;

  constructor(lab: Lab, folder: string, size: Size, progress: Progress) {
    this.#lab = lab;
    this.#folder = folder;
    this.#size = size;
    this.#progress = progress;
  }

  #open(contestant: Contestant): Promise<Site> {
    return Site.open(contestant, this.#lab, join(this.#folder, `site-${this.#sites++}`));
  }

  async run(all: readonly Contestant[]): Promise<Omit<BenchFigures, 'references' | 'omitted'>> {
    const { rounds, pods } = this.#size;
    const before = loadavg()[0] ?? 0;
    const sites: Site[] = [];
    for (const contestant of all) sites.push(await this.#open(contestant));
    const { floor, lives } = await this.#lives(sites);
    const waves = await this.#bursts(sites);
    const travellers = sites.filter(({ contestant }) => isTravelled(contestant));
    const ways = await travels(travellers, this.#size.travels, this.#progress);
    const figures: ContestantFigures[] = [];
    for (const site of sites) {
      const life = lives.get(site);
      const [burst, paths] = [waves.get(site), ways.get(site)];
      if (!life) continue;
      figures.push({ ...(await this.#more(site)), life, ...(burst && { burst }), ...(paths && { paths }) });
    }
    const machine = {
      cpus: cpus().length,
      kernel: release(),
      node: process.versions.node,
      load: [before, loadavg()[0] ?? 0],
    };
    return { machine, rounds, pods, floor, contestants: figures };
  }

  async #lives(sites: readonly Site[]) {
    const floor = await openFloor(this.#lab, this.#folder);
    const empty: Timing[] = [];
    const ip: { ADD: Timing; DEL: Timing }[] = [];
    const alongside = async () => {
      empty.push(await floor.empty());
      ip.push(await floor.ip());
    };
    const lives = await lifeRounds(sites, this.#size.rounds, alongside, this.#progress);
    const figures: FloorFigures = {
      empty: median(empty.map(({ wall }) => wall)),
      emptyCpu: median(empty.map(({ cpu }) => cpu)),
      ip: { ADD: median(ip.map(({ ADD }) => ADD.wall)), DEL: median(ip.map(({ DEL }) => DEL.wall)) },
    };
    return { floor: figures, lives };
  }

  async #bursts(sites: readonly Site[]) {
    const { pods, bursts: times } = this.#size;
    const namespaces = [];
    for (let number = 0; number < pods; number++) namespaces.push(await this.#lab.pod());
    const crowds = sites.filter(({ contestant }) => isCrowded(contestant));
    return bursts(crowds, namespaces, times, this.#progress);
  }

  async #more(site: Site): Promise<Omit<ContestantFigures, 'life' | 'burst' | 'paths'>> {
    const { contestant } = site;
    const { leases, leaseRounds, packets } = this.#size;
    const open = () => this.#open(contestant);
    this.#progress(`memory: ${contestant.name}`);
    return {
      name: contestant.name,
      isEqual: contestant.isEqual,
      memory: await peakMemory(site),
      firstPacket: await firstPackets(site, contestant.isSlow ? 1 : packets, this.#progress),
      ...(isScaled(contestant) && {
        leases: await besideLeases(open, leases, leaseRounds, this.#progress),
      }),
    };
  }
}

async function measure(size: Size): Promise<BenchFigures> {
  const omitted = await buildNewest();
  const [ofDebian, built] = [await debianVersion(), await builtVersion()];
  const all = contestants(ofDebian, built);
  const references = {
    [ofDebian]: `${debianPackage} of ${await distribution()}`,
    [built]: 'the newest release, built from source',
  };
  const progress = openProgress();
  // In memory, where leases belong that end with the boot: nobody waits for a disk.
  const folder = await mkdtemp('/run/dualstack-bench-');
  try {
    await using lab = await openLab();
    const figures = await new Bench(lab, folder, size, progress).run(all);
    return { ...figures, references, omitted };
  } finally {
    progress.done();
    await rm(folder, { recursive: true });
  }
}

async function main(options: readonly string[]): Promise<void> {
  const isQuick = options.includes('--quick');
  if (options.some((option) => option !== '--quick')) {
    process.stdout.write(usage);
    process.exitCode = options.includes('--help') ? 0 : 1;
    return;
  }
  const figures = await measure(isQuick ? quick : whole);
  console.log(report(figures));
  if (isQuick) return;
  await mkdir(join(root, 'docs'), { recursive: true });
  await writeFile(join(root, 'docs/bench.json'), `${JSON.stringify(figures, rounded, 2)}\n`);
  await writeFile(join(root, 'docs/bench.svg'), await draw(figures));
  console.log('Written: docs/bench.json, docs/bench.svg');
}

/** Three significant digits: more than a machine gives twice. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(3)) : value;
}

await main(process.argv.slice(2));
