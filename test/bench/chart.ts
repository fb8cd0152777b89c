import { Error as errors, logger, parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { BenchFigures, ContestantFigures } from './figures.ts';

/** A panel of the picture, and what it shows of a contestant. */
type Panel = readonly [title: string, figure: (contestant: ContestantFigures) => number | undefined];

/** One point. */
interface Point {
  readonly panel: string;
  readonly name: string;
  readonly value: number;
  readonly kind: 'ours' | 'other' | 'floor';
}

/** On a light page, and on a dark one: the picture brings its own background, so it is legible on any page. */
const colours = {
  background: ['#ffffff', '#0d1117'],
  text: ['#1f2328', '#e6edf3'],
  grid: ['#d1d9e0', '#3d444d'],
  ours: ['#0969da', '#4493f8'],
  other: ['#59636e', '#9198a2'],
  floor: ['#9a6700', '#d29922'],
} as const;

const light = (name: keyof typeof colours) => colours[name][0];
const kinds = ['ours', 'other', 'floor'] as const;
const font = 'sans-serif';
const decades = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000];

function panels({ pods, contestants }: BenchFigures): Panel[] {
  const others = (contestants[0]?.leases?.at(-1)?.pods ?? 0).toLocaleString('en');
  return [
    ['ADD', ({ life }) => life.ADD],
    ['DEL', ({ life }) => life.DEL],
    ['CPU time of ADD and DEL', ({ life }) => life.cpu],
    [`ADD of ${pods} pods at once`, ({ burst }) => burst?.ADD],
    [`DEL of ${pods} pods at once`, ({ burst }) => burst?.DEL],
    [`ADD on a node with the leases of ${others} other pods`, ({ leases }) => leases?.at(-1)?.ADD],
    ['First IPv6 packet after ADD, until its answer', ({ firstPacket }) => firstPacket.IPv6],
  ];
}

function pointsOf([panel, figure]: Panel, contestants: readonly ContestantFigures[]): Point[] {
  return contestants.flatMap((contestant, index): Point[] => {
    const value = figure(contestant);
    const kind = index === 0 ? 'ours' : 'other';
    return value === undefined ? [] : [{ panel, name: contestant.name, value, kind }];
  });
}

function floorsOf({ empty, emptyCpu, ip }: BenchFigures['floor'], titles: readonly string[]): Point[] {
  const floors = [empty + ip.ADD, empty + ip.DEL, 2 * emptyCpu];
  const name = 'least possible on Node.js';
  return floors.map((value, index) => ({ panel: titles[index] ?? '', name, value, kind: 'floor' }));
}

function label(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(2);
}

/** What a reader must know of the names and of the scale. */
function captions({ machine, rounds, references }: BenchFigures): string[] {
  return [
    'Milliseconds, less is better. Logarithmic: from line to line is ten times as much.',
    `${machine.cpus} CPUs, medians of ${rounds} rounds in turns, load average before: ${machine.load[0]?.toFixed(1)}`,
    'masq: pods reach the outside with the node’s address',
    'guard: a pod sends only from its own address (spoofCheck, macspoofchk)',
    ...Object.entries(references).map(([version, origin]) => `bridge and ptp ${version}: ${origin}`),
  ];
}

function specification(figures: BenchFigures): TopLevelSpec {
  const all = panels(figures);
  const titles = all.map(([title]) => title);
  const equals = figures.contestants.filter(({ isEqual }) => isEqual);
  const points = [...all.flatMap((panel) => pointsOf(panel, equals)), ...floorsOf(figures.floor, titles)];
  return {
    background: light('background'),
    padding: 14,
    title: {
      text: 'What a pod costs, dual-stack',
      subtitle: captions(figures),
      subtitlePadding: 6,
      anchor: 'start',
      frame: 'bounds',
      offset: 14,
    },
    data: { values: points.map((point) => ({ ...point, label: label(point.value) })) },
    facet: { row: { field: 'panel', type: 'nominal', sort: titles, title: null, header: headings } },
    spacing: 12,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    spec: {
      width: 430,
      height: { step: 16 },
      encoding: {
        y: {
          field: 'name',
          type: 'nominal',
          sort: null,
          title: null,
          axis: { minExtent: 190, labelLimit: 0, labelPadding: 8, grid: true },
        },
        x: {
          field: 'value',
          type: 'quantitative',
          scale: { type: 'log', nice: true },
          axis: { title: null, values: decades, format: ',~r', grid: true },
        },
      },
      layer: [
        {
          mark: { type: 'circle', size: 70, opacity: 1 },
          encoding: {
            color: {
              field: 'kind',
              type: 'nominal',
              scale: { domain: [...kinds], range: kinds.map(light) },
              legend: null,
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 8, color: light('text') },
          encoding: { text: { field: 'label', type: 'nominal' } },
        },
      ],
    },
    config: {
      font,
      view: { stroke: null },
      title: { color: light('text'), subtitleColor: light('text') },
      axis: { labelColor: light('text'), gridColor: light('grid'), domain: false, ticks: false },
    },
  };
}

const headings = {
  labelAnchor: 'start',
  labelOrient: 'top',
  labelPadding: 4,
  labelFontSize: 12,
  labelFontWeight: 'bold',
  labelColor: light('text'),
} as const;

/** A style sheet stands over the attributes that the colours of the light page are in. */
function darkStyle(): string {
  const rules = Object.values(colours).flatMap(([onLight, onDark]) =>
    ['fill', 'stroke'].map((property) => `[${property}="${onLight}"]{${property}:${onDark}}`),
  );
  return `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`;
}

/** @returns the picture for the README, as SVG. */
export async function draw(figures: BenchFigures): Promise<string> {
  // It warns of each scale that panels do not share, which is as it should be.
  const { spec } = compile(specification(figures), { logger: logger(errors) });
  const view = new View(parse(spec), { renderer: 'none' });
  const picture = await view.toSVG();
  return `${picture.replace('>', `>${darkStyle()}`)}\n`;
}
