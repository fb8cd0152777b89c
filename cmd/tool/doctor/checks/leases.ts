import { digestOf } from '../../../../ipam/attachment.ts';
import { findNetworks, type Network } from '../../engine/networks.ts';
import { shortName } from '../../engine/screen.ts';
import { type Holding, type Inventory, takeStock } from '../../leases/inventory.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';

/** A call of the plugin by hand, as a runtime would make it. */
function callByHand(
  verb: string,
  { name, dataDir }: Network,
  patient: Patient,
  more: Record<string, string>,
): string {
  const input = JSON.stringify({ cniVersion: '1.1.0', name, type: 'dualstack', dataDir });
  const variables = { CNI_COMMAND: verb, CNI_PATH: patient.binDir, ...more };
  const words = Object.entries(variables).map(([key, value]) => `${key}=${shellWord(value)}`);
  return `echo ${shellWord(input)} | ${words.join(' ')} ${shellWord(patient.executable)}`;
}

/** GC without a list takes back what is provably dead, and files that are no leases; nothing else. */
export function reclaim(network: Network, patient: Patient): string {
  return callByHand('GC', network, patient, {});
}

function release(network: Network, { attachment }: Holding, patient: Patient): string {
  const { containerID, ifname } = attachment;
  // A lease that names no interface is the whole container's.
  const more = { CNI_CONTAINERID: containerID, CNI_IFNAME: ifname || 'eth0' };
  return callByHand('DEL', network, patient, more);
}

/** A pod that runs is made anew by whoever made it; what is left of one that is gone is released. */
function remedyFor(network: Network, holding: Holding, patient: Patient): string {
  const [, namespace, pod] = /^([a-z0-9.-]+)\/([a-z0-9.-]+)$/.exec(holding.pod ?? '') ?? [];
  return namespace && pod
    ? `kubectl delete pod --namespace ${namespace} ${pod}`
    : release(network, holding, patient);
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
  return [{ level: 'warning', found, remedy: [reclaim(network, patient)] }];
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
  return [{ level: 'warning', found, remedy: [reclaim(network, patient)] }];
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
          remedy: [remedyFor(network, holding, patient)],
        }),
      ),
    ...ofUnreadable(inventory, patient),
  ];
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
          remedy: [`ip link delete dev ${ifname}`],
          advice: 'its pod loses its network with it: recreate the pod',
        }),
      ),
    ];
    const count = inventories.reduce((sum, { holdings }) => sum + holdings.length, 0);
    return found.length > 0 ? found : [ok(`${count} attachments, each with its interface`)];
  },
};
