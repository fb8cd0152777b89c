import { Error as errors, logger, parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { BenchFigures, ContestantFigures } from './figures.ts';

/** A panel of the picture, and what it shows of a contestant. */
type Panel = readonly [title: string, figure: (contestant: ContestantFigures) => number | undefined];

/** One bar. */
interface Bar {
  readonly panel: string;
  readonly name: string;
  readonly value: number;
  readonly kind: 'ours' | 'other' | 'floor';
}

/** Of each plugin what a cluster needs: with masquerade. */
const drawn = /, masq/;

const colours = { ours: '#1f6feb', other: '#a9b4c0', floor: '#dfe3e8' };
const font = 'sans-serif';

function panels({ pods, contestants }: BenchFigures): Panel[] {
  const others = (contestants[0]?.leases?.at(-1)?.pods ?? 0).toLocaleString('en');
  return [
    ['ADD, milliseconds', ({ life }) => life.ADD],
    ['DEL, milliseconds', ({ life }) => life.DEL],
    ['CPU time of ADD and DEL, milliseconds', ({ life }) => life.cpu],
    [`ADD of ${pods} pods at once, milliseconds`, ({ burst }) => burst?.ADD],
    [`DEL of ${pods} pods at once, milliseconds`, ({ burst }) => burst?.DEL],
    [`ADD beside the leases of ${others} pods, milliseconds`, ({ leases }) => leases?.at(-1)?.ADD],
    ['first IPv6 packet after ADD, milliseconds until its answer', ({ firstPacket }) => firstPacket.IPv6],
  ];
}

function barsOf([panel, figure]: Panel, contestants: readonly ContestantFigures[]): Bar[] {
  return contestants.flatMap((contestant, index): Bar[] => {
    const value = figure(contestant);
    const name = contestant.name.replace(', masq', '');
    return value === undefined ? [] : [{ panel, name, value, kind: index === 0 ? 'ours' : 'other' }];
  });
}

function floorsOf({ empty, emptyCpu, ip }: BenchFigures['floor'], titles: readonly string[]): Bar[] {
  const floors = [empty + ip.ADD, empty + ip.DEL, 2 * emptyCpu];
  const name = 'the floor on Node.js';
  return floors.map((value, index) => ({ panel: titles[index] ?? '', name, value, kind: 'floor' }));
}

function label(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(2);
}

/** Each panel has its own scale, from zero: a bar is as long as its share of the panel's longest. */
function toScale(bars: readonly Bar[]): object[] {
  return bars.map((bar) => {
    const longest = Math.max(...bars.filter(({ panel }) => panel === bar.panel).map(({ value }) => value));
    return { ...bar, share: bar.value / longest, label: label(bar.value) };
  });
}

function specification(figures: BenchFigures): TopLevelSpec {
  const { contestants, floor, machine, rounds } = figures;
  const all = panels(figures);
  const titles = all.map(([title]) => title);
  const masquerading = contestants.filter(({ name }) => drawn.test(name));
  const own = all.flatMap((panel) => barsOf(panel, masquerading));
  const header = { labelAnchor: 'start', labelOrient: 'top', labelPadding: 4, labelFontSize: 12 } as const;
  return {
    background: 'white',
    padding: 14,
    title: {
      text: 'What a pod costs: dual-stack, with masquerade',
      subtitle: `${machine.cpus} CPUs, medians of ${rounds} rounds in turns, load average before: ${machine.load[0]?.toFixed(1)}; less is better`,
      anchor: 'start',
      frame: 'bounds',
      offset: 14,
    },
    data: { values: toScale([...own, ...floorsOf(floor, titles)]) },
    facet: {
      row: {
        field: 'panel',
        type: 'nominal',
        sort: titles,
        title: null,
        header: { ...header, labelFontWeight: 'bold' },
      },
    },
    spacing: 16,
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: 430,
      height: { step: 18 },
      encoding: {
        y: { field: 'name', type: 'nominal', sort: null, title: null, axis: { minExtent: 150 } },
        x: { field: 'share', type: 'quantitative', scale: { domain: [0, 1.16] }, axis: null },
      },
      layer: [
        {
          mark: { type: 'bar', height: 12 },
          encoding: {
            color: {
              field: 'kind',
              type: 'nominal',
              scale: { domain: Object.keys(colours), range: Object.values(colours) },
              legend: null,
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 4 },
          encoding: { text: { field: 'label', type: 'nominal' } },
        },
      ],
    },
    config: { font, view: { stroke: null }, axisY: { ticks: false, domain: false } },
  };
}

/** @returns the picture for the README, as SVG. */
export async function draw(figures: BenchFigures): Promise<string> {
  // It warns of each scale that panels do not share, which is as it should be.
  const { spec } = compile(specification(figures), { logger: logger(errors) });
  const view = new View(parse(spec), { renderer: 'none' });
  return `${await view.toSVG()}\n`;
}
