import { digestOf } from '../../../../ipam/attachment.ts';
import { findNetworks, type Network } from '../../engine/networks.ts';
import { shortName } from '../../engine/screen.ts';
import { type Holding, type Inventory, takeStock } from '../../leases/inventory.ts';
import { type Check, command, deletionOf, type Finding, ok, type Patient, shellWord } from './check.ts';

/** Takes back what is provably dead, and files that are no leases; nothing else. */
export function reclaim(patient: Patient): string {
  return command(patient, 'release', '--dead');
}

/** A pod that runs is made anew by whoever made it; what is left of one that is gone is released. */
function remedyFor({ attachment, link, pod }: Holding, patient: Patient): Pick<Finding, 'remedy' | 'advice'> {
  if (!link) return { remedy: [command(patient, 'release', shortestID(attachment.containerID))] };
  const deletion = deletionOf(pod);
  return deletion ? { remedy: [deletion] } : { advice: 'have its container created again' };
}

/** Enough of a container's ID to know it again, as runtimes abbreviate it. */
function shortestID(containerID: string): string {
  return shellWord(/^[0-9a-f]{64}$/.test(containerID) ? containerID.slice(0, 13) : containerID);
}

function describe({ attachment, addresses, pod }: Holding): string {
  return `${addresses.join(', ')} of ${pod ?? `container ${shortName(attachment.containerID)}`}`;
}

function isDead(holding: Holding, dead: ReadonlySet<string>): boolean {
  return dead.has(digestOf(holding.attachment));
}

/** So many say which kind it is; `dualstack leases` has all. */
function firstOf(addresses: readonly string[]): string {
  return addresses.slice(0, 4).join(', ') + (addresses.length > 4 ? ', …' : '');
}

function ofDead(network: Network, dead: readonly Holding[], patient: Patient): Finding[] {
  const addresses = dead.flatMap((holding) => holding.addresses);
  if (addresses.length === 0) return [];
  const found = `network ${network.name}: ${addresses.length} addresses are leased to pods that are gone: ${firstOf(addresses)}`;
  return [{ level: 'warning', found, remedy: [reclaim(patient)] }];
}

/** Such a pod may well be running: nothing is proposed that would free its address. */
function ofForeign(network: Network, foreign: readonly Holding[]): Finding[] {
  if (foreign.length === 0) return [];
  const addresses = foreign.flatMap((holding) => holding.addresses);
  return [
    {
      level: 'note',
      found: `network ${network.name}: ${addresses.length} addresses are leased to pods that another plugin wired, or left behind: ${firstOf(addresses)}`,
      advice: 'they are released with their pods; what is left at the next boot ends then',
    },
  ];
}

function ofUnreadable({ network, unreadable }: Inventory, patient: Patient): Finding[] {
  if (unreadable.length === 0) return [];
  const found = `network ${network.name}: ${firstOf(unreadable)}: no lease, but an empty or torn file`;
  return [{ level: 'warning', found, remedy: [reclaim(patient)] }];
}

function ofInventory(inventory: Inventory, patient: Patient): Finding[] {
  const { network } = inventory;
  const dead = new Set(network.store.dead().map(digestOf));
  const holdings = inventory.holdings.filter(({ addresses }) => addresses.length > 0);
  const ill = holdings.filter((holding) => holding.problems.length > 0 && !isDead(holding, dead));
  const isForeign = ({ problems }: Holding) => problems.some(({ kind }) => kind === 'foreign');
  return [
    ...ofDead(
      network,
      holdings.filter((holding) => isDead(holding, dead)),
      patient,
    ),
    ...ofForeign(network, ill.filter(isForeign)),
    ...ill
      .filter((holding) => !isForeign(holding))
      .map(
        (holding): Finding => ({
          level: 'warning',
          found: `network ${network.name}: ${describe(holding)}: ${holding.problems.map(({ text }) => text).join('; ')}`,
          ...remedyFor(holding, patient),
        }),
      ),
    ...ofUnreadable(inventory, patient),
  ];
}

/** The pod may be running: it is for whoever made it to end it, never for a command that takes its network away. */
function orphanRemedy(ifalias: string | undefined): Pick<Finding, 'remedy' | 'advice'> {
  const deletion = deletionOf(ifalias);
  const advice = 'when its pod is gone already, delete the interface: ip link delete dev NAME';
  return deletion ? { remedy: [deletion], advice } : { advice };
}

/** Leases without interfaces, and interfaces without leases. */
export const leases: Check = {
  name: 'leases',
  run: async (patient) => {
    const { inventories, orphans } = await takeStock(patient.run, findNetworks(patient.confDir));
    const found = [
      ...inventories.flatMap((inventory) => ofInventory(inventory, patient)),
      ...orphans.map(
        ({ ifname, ifalias }): Finding => ({
          level: 'warning',
          found: `interface ${ifname}${ifalias ? ` of ${ifalias}` : ''} has no lease: its address may go to another pod`,
          ...orphanRemedy(ifalias),
        }),
      ),
    ];
    const count = inventories.reduce((sum, { holdings }) => sum + holdings.length, 0);
    return found.length > 0 ? found : [ok(`${count} attachments, each with its interface`)];
  },
};
