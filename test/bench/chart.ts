import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { BenchFigures, ContestantFigures } from './figures.ts';

/** One bar. */
interface Bar {
  readonly panel: string;
  readonly name: string;
  readonly value: number;
  readonly label: string;
  readonly kind: 'ours' | 'other' | 'floor';
}

/** What is drawn: of each plugin the way a cluster needs it, with masquerade. */
const drawn = /^(dualstack|bridge \S+|ptp \S+), masq( by nft)?$/;

function panels(pods: number): Record<string, (contestant: ContestantFigures) => number | undefined> {
  return {
    'ADD, ms': ({ life }) => life.ADD,
    'DEL, ms': ({ life }) => life.DEL,
    'CPU time of both, ms': ({ life }) => life.cpu,
    [`ADD of ${pods} pods at once, ms`]: ({ burst }) => burst?.ADD,
    'first IPv6 packet answered after ADD, ms': ({ firstPacket }) => firstPacket.IPv6,
  };
}

function label(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(2);
}

function bars({ contestants, floor, pods }: BenchFigures): Bar[] {
  const own = Object.entries(panels(pods)).flatMap(([panel, figure]) =>
    contestants
      .filter(({ name }) => drawn.test(name))
      .flatMap((contestant, index): Bar[] => {
        const value = figure(contestant);
        if (value === undefined) return [];
        const kind = index === 0 ? 'ours' : 'other';
        return [{ panel, name: contestant.name, value, label: label(value), kind }];
      }),
  );
  const floors = [
    ['ADD, ms', floor.empty + floor.ip.ADD],
    ['DEL, ms', floor.empty + floor.ip.DEL],
  ] as const;
  const name = 'floor: empty Node.js, and ip';
  return [
    ...own,
    ...floors.map(([panel, value]): Bar => ({ panel, name, value, label: label(value), kind: 'floor' })),
  ];
}

/** From zero, since bars are lengths: a panel that ptp alone fills says what it should. */
function specification(figures: BenchFigures): TopLevelSpec {
  const values = bars(figures);
  const text = { fontSize: 11, font: 'sans-serif' };
  return {
    background: 'white',
    padding: 12,
    title: {
      text: 'What a pod costs, dual-stack with masquerade',
      subtitle: `${figures.machine.cpus} CPUs, medians of ${figures.rounds} rounds; less is better`,
      anchor: 'start',
      font: 'sans-serif',
      subtitleFont: 'sans-serif',
      offset: 14,
    },
    data: { values: [...values] },
    facet: {
      row: {
        field: 'panel',
        type: 'nominal',
        sort: [...Object.keys(panels(figures.pods))],
        title: null,
        header: {
          labelAngle: 0,
          labelAlign: 'left',
          labelAnchor: 'start',
          labelOrient: 'top',
          labelFontSize: 12,
          labelFontWeight: 'bold',
          labelFont: 'sans-serif',
        },
      },
    },
    spacing: 14,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    spec: {
      width: 420,
      height: { step: 19 },
      encoding: {
        y: {
          field: 'name',
          type: 'nominal',
          sort: null,
          title: null,
          axis: {
            ticks: false,
            domain: false,
            labelLimit: 240,
            labelFont: 'sans-serif',
            labelFontSize: 11,
            minExtent: 175,
          },
        },
        x: {
          field: 'value',
          type: 'quantitative',
          title: null,
          scale: { zero: true, padding: 42 },
          axis: null,
        },
      },
      layer: [
        {
          mark: { type: 'bar', height: 13 },
          encoding: {
            color: {
              field: 'kind',
              type: 'nominal',
              scale: { domain: ['ours', 'other', 'floor'], range: ['#1f6feb', '#a9b4c0', '#dfe3e8'] },
              legend: null,
            },
          },
        },
        { mark: { type: 'text', align: 'left', dx: 4, ...text }, encoding: { text: { field: 'label' } } },
      ],
    },
    config: { view: { stroke: null } },
  };
}

/** @returns the picture for the README, as SVG. */
export async function draw(figures: BenchFigures): Promise<string> {
  const view = new View(parse(compile(specification(figures)).spec), { renderer: 'none' });
  return `${await view.toSVG()}\n`;
}
