import type { BenchFigures, ContestantFigures } from './figures.ts';

type Row = readonly (string | number | undefined)[];

function cell(value: string | number | undefined): string {
  if (value === undefined) return '–';
  if (typeof value === 'string') return value;
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The first column to the left, the others to the right. */
function table(title: string, header: Row, rows: readonly Row[]): string {
  const text = [header, ...rows].map((row) => row.map(cell));
  const widths = header.map((_, column) => Math.max(...text.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((value, column) =>
        column === 0 ? value.padEnd(widths[0] ?? 0) : value.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = text;
  return [
    title,
    '',
    line(head),
    widths.map((width) => '─'.repeat(width)).join('  '),
    ...body.map(line),
    '',
  ].join('\n');
}

/** `38.2 ×0.41`: what ours is of it. */
function withRatio(value: number | undefined, ours: number | undefined): string | undefined {
  if (value === undefined || ours === undefined) return undefined;
  const ratio = value / ours;
  return `${cell(value)} ×${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)}`;
}

function lives({ contestants, floor }: BenchFigures): string {
  const [ours] = contestants;
  const row = ({ name, life, memory }: ContestantFigures): Row => [
    name,
    withRatio(life.ADD, ours?.life.ADD),
    withRatio(life.CHECK, ours?.life.CHECK),
    withRatio(life.DEL, ours?.life.DEL),
    withRatio(life.cpu, ours?.life.cpu),
    memory,
  ];
  const floors: Row[] = [
    ['floor: an empty program', floor.empty, floor.empty, floor.empty, floor.emptyCpu * 2],
    ['floor: ip alone', floor.ip.ADD, undefined, floor.ip.DEL],
    ['floor: both', ...sums(floor, ours)],
  ];
  const header = ['ms, ×: of ours', 'ADD', 'CHECK', 'DEL', 'CPU', 'MiB'];
  return table('One pod', header, [...contestants.map(row), ...floors]);
}

function sums({ empty, ip }: BenchFigures['floor'], ours: ContestantFigures | undefined): Row {
  return [withRatio(empty + ip.ADD, ours?.life.ADD), undefined, withRatio(empty + ip.DEL, ours?.life.DEL)];
}

function burstTable({ contestants, pods }: BenchFigures): string {
  const [ours] = contestants;
  const rows = contestants.flatMap(({ name, burst }): Row[] =>
    burst
      ? [
          [
            name,
            withRatio(burst.ADD, ours?.burst?.ADD),
            withRatio(burst.DEL, ours?.burst?.DEL),
            `${burst.failed}`,
          ],
        ]
      : [],
  );
  return table(`${pods} pods at once`, ['milliseconds, ×: of ours', 'ADD', 'DEL', 'failed'], rows);
}

function leaseTable({ contestants }: BenchFigures): string {
  const rows = contestants.flatMap(({ name, leases }): Row[] =>
    (leases ?? []).map(({ pods, ADD, DEL }) => [
      name,
      `${pods}`,
      withRatio(ADD, leases?.[0]?.ADD),
      withRatio(DEL, leases?.[0]?.DEL),
    ]),
  );
  return table('Beside the leases of other pods', ['milliseconds, ×: of none', 'pods', 'ADD', 'DEL'], rows);
}

function packetTable({ contestants }: BenchFigures): string {
  const rows = contestants.map(({ name, firstPacket }): Row => [name, firstPacket.IPv4, firstPacket.IPv6]);
  return table(
    'First packet to the outside after ADD, until it is answered',
    ['milliseconds', 'IPv4', 'IPv6'],
    rows,
  );
}

function pathTable({ contestants }: BenchFigures): string {
  const rows = contestants.flatMap(({ name, paths }): Row[] => {
    if (!paths) return [];
    const row = (where: string, { throughput, latency }: typeof paths.podToPod): Row => [
      name,
      where,
      throughput.IPv4,
      throughput.IPv6,
      latency.IPv4.toFixed(3),
      latency.IPv6.toFixed(3),
    ];
    return [row('pod to pod', paths.podToPod), row('node to pod', paths.nodeToPod)];
  });
  const header = ['Gbit/s, and ms there and back', '', 'IPv4', 'IPv6', 'IPv4 ms', 'IPv6 ms'];
  return table('Between pods of a node, and from it', header, rows);
}

/** All figures as tables of at most 80 columns. */
export function report(figures: BenchFigures): string {
  const { machine, rounds, omitted } = figures;
  const about = [
    `${machine.cpus} CPUs, Linux ${machine.kernel}, Node.js ${machine.node}; medians of ${rounds} rounds`,
    `load average before and after: ${machine.load.map((load) => load.toFixed(1)).join(', ')}`,
  ].join('\n');
  const tables = [lives, burstTable, leaseTable, packetTable, pathTable].map((make) => make(figures));
  return [about, '', ...tables, ...omitted.map((sentence) => `${sentence}\n`)].join('\n');
}
