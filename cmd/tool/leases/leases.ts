import { codes, Failure } from '../../../conf/failure.ts';
import { formatCidr } from '../../../conf/family.ts';
import { nearest } from '../../../conf/nearest.ts';
import { printable } from '../../../conf/printable.ts';
import { type Command, confDirFlag, type Report } from '../engine/command.ts';
import { findNetworks, type Network, type PoolUse, usesOf } from '../engine/networks.ts';
import {
  bar,
  type Cell,
  count,
  duration,
  hanging,
  paint,
  record,
  type Screen,
  shortName,
  table,
} from '../engine/screen.ts';
import { type Holding, type Inventory, takeStock } from './inventory.ts';

function selected(networks: readonly Network[], name: string | undefined): readonly Network[] {
  if (name === undefined) return networks;
  const found = networks.filter((network) => network.name === name);
  if (found.length > 0) return found;
  const names = networks.map((network) => network.name);
  const meant = nearest(name, names);
  throw new Failure(
    codes.configuration,
    `there is no network ${name}${meant ? `: did you mean ${meant}?` : ''}`,
    {
      details:
        names.length > 0
          ? `there are: ${names.join(', ')}`
          : 'no configuration names one, and no store has one',
    },
  );
}

function ageOf({ since }: Holding, now: Date): string {
  return since ? duration((now.getTime() - since.getTime()) / 1000) : '-';
}

function row(holding: Holding, now: Date): Cell[] {
  const { attachment, addresses, link, pod = '-' } = holding;
  const ifname = attachment.ifname || '-';
  return [
    [pod, `${ifname} of ${shortName(attachment.containerID)}`],
    addresses.length > 0 ? addresses : ['-'],
    [link?.ifname ?? '-'],
    [ageOf(holding, now)],
  ];
}

function useLines(screen: Screen, { pool, used, capacity, part }: PoolUse): string[] {
  const percent = part > 0 && part < 0.01 ? '<1' : `${Math.floor(part * 100)}`;
  const lead = `  ${pool.family.name}  `;
  const use = `${bar(part)} ${percent} %: ${used} of ${count(capacity)} are leased`;
  return [lead + use, hanging(screen, ' '.repeat(lead.length), pool.subnets.map(formatCidr).join(', '))];
}

function problemLines(screen: Screen, holding: Holding): string[] {
  return holding.problems.map(({ text }) => paint(screen, 'yellow', hanging(screen, '  ! ', text)));
}

function holdingLines(screen: Screen, holdings: readonly Holding[], now: Date): string[] {
  if (holdings.length === 0) return ['  no lease'];
  const [heading = [], ...rows] = table(
    screen,
    ['POD', 'ADDRESSES', 'HOST END', 'AGE'],
    holdings.map((holding) => row(holding, now)),
  );
  return [
    ...heading,
    ...rows.flatMap((lines, index) => {
      const holding = holdings[index];
      return holding ? [...lines, ...problemLines(screen, holding)] : lines;
    }),
  ];
}

function inventoryText(screen: Screen, { network, holdings, unreadable }: Inventory, now: Date): string {
  const name = `network ${printable(network.name)}`;
  const title = `${paint(screen, 'bold', name)}  ${printable(`${network.dataDir}/${network.name}`)}`;
  const torn = unreadable.map((name) =>
    paint(
      screen,
      'yellow',
      hanging(screen, '  ! ', `${name} is leased to nobody: its file is empty or torn`),
    ),
  );
  return [
    title,
    ...usesOf(network).flatMap((use) => useLines(screen, use)),
    '',
    ...holdingLines(screen, holdings, now),
    ...torn,
  ].join('\n');
}

/** One line for each lease, of fields with a tab between them, for scripts. */
function recordOf({ network }: Inventory, holding: Holding): string {
  const { attachment, addresses, link, since, problems, pod = '-' } = holding;
  return record([
    network.name,
    pod,
    attachment.containerID,
    attachment.ifname || '-',
    addresses.join(',') || '-',
    link?.ifname ?? '-',
    since?.toISOString() ?? '-',
    problems.map(({ text }) => text).join('; ') || '-',
  ]);
}

function textOf(screen: Screen, inventories: readonly Inventory[], now: Date): string {
  if (!screen.isTerminal) {
    return inventories
      .flatMap((inventory) => inventory.holdings.map((holding) => recordOf(inventory, holding)))
      .join('\n');
  }
  if (inventories.length === 0) return 'There is no network, neither in a configuration nor in a store.';
  return inventories.map((inventory) => inventoryText(screen, inventory, now)).join('\n\n');
}

function jsonOf({ network, holdings, unreadable }: Inventory): object {
  return {
    network: network.name,
    dataDir: network.dataDir,
    pools: usesOf(network).map(({ pool, used, capacity, part }) => ({
      family: pool.family.name,
      subnets: pool.subnets.map(formatCidr),
      used,
      capacity: `${capacity}`,
      part,
    })),
    leases: holdings.map(({ attachment, addresses, netns, link, pod, since, problems }) => ({
      pod: pod ?? null,
      ...attachment,
      addresses,
      hostEnd: link?.ifname ?? null,
      netns: netns ?? null,
      since: since?.toISOString() ?? null,
      problems,
    })),
    unreadable,
  };
}

export const leases: Command = {
  name: 'leases',
  summary: 'list which pod has which addresses, and what is wrong with them',
  flags: [confDirFlag, { name: 'network', value: 'name', summary: 'only the leases of this network' }],
  examples: [
    ['dualstack leases', 'every lease of every network, and how full the pools are'],
    ['dualstack leases --network pods --json', 'for scripts'],
  ],
  act: async (typed, host): Promise<Report> => {
    const networks = findNetworks(typed.text('conf-dir') ?? '');
    const chosen = selected(networks, typed.text('network'));
    const { inventories } = await takeStock(host.run, networks);
    const shown = inventories.filter(({ network }) => chosen.includes(network));
    return { status: 0, json: shown.map(jsonOf), text: textOf(host.screen, shown, new Date()) };
  },
};
