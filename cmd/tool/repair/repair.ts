import { defaultDataDir } from '../../../conf/configuration.ts';
import { printable } from '../../../conf/printable.ts';
import type { NodeRegistry } from '../../../ipam/store/registry.ts';
import { thisNode } from '../../cni/call.ts';
import { repairFirewall } from '../../verbs/repair.ts';
import { type Damage, livingAttachments, repairWirings } from '../../verbs/wiring.ts';
import { type Command, confDirFlag, type Report, type ToolHost, type Typed } from '../engine/command.ts';
import { findNetworks } from '../engine/networks.ts';
import { hanging, type Screen, shortName } from '../engine/screen.ts';

/** What a repair met, of wiring and of the firewall. */
interface Repaired {
  /** How many attachments are alive. */
  readonly attachments: number;
  readonly mended: readonly string[];
  readonly left: readonly string[];
}

function ending({ attachments, mended, left }: Repaired): string {
  const which = attachments === 1 ? '1 attachment' : `${attachments} attachments`;
  if (left.length > 0)
    return 'What is left is not for a repair: delete these pods, so that they are created again.';
  if (mended.length > 0) return `Wiring and firewall are whole again, for ${which}.`;
  return attachments > 0
    ? `Wiring and firewall are as they should be, for ${which}.`
    : 'Nothing to repair: no pod of ours runs here.';
}

function textOf(screen: Screen, repaired: Repaired, warnings: readonly string[]): string {
  const { mended, left } = repaired;
  return [
    ...warnings.map((sentence) => ['', sentence] as const),
    ...mended.map((sentence) => ['mended: ', sentence] as const),
    ...left.map((sentence) => ['left: ', sentence] as const),
    ['', ending(repaired)] as const,
  ]
    .map(([lead, sentence]) => hanging(screen, lead, printable(sentence)))
    .join('\n');
}

/** `eth0 of 4a1f0c5d1e2b…: interface eth0 is down in the pod` */
export function sentenceOf({ living, problems }: Damage, most = Number.POSITIVE_INFINITY): string {
  const { containerID, ifname } = living.attachment;
  const more = problems.length > most ? `, and ${problems.length - most} more` : '';
  return `${ifname} of ${shortName(containerID)}: ${problems.slice(0, most).join(', ')}${more}`;
}

/** Every folder that has leases: of the node, and of the configurations in a folder. */
export function allDataDirs(registry: NodeRegistry, confDir: string): string[] {
  const configured = findNetworks(confDir).map(({ dataDir }) => dataDir);
  return [...new Set([...registry.dataDirs(defaultDataDir), ...configured])];
}

async function act(typed: Typed, { run, progress, screen }: ToolHost): Promise<Report> {
  const warnings: string[] = [];
  const host = thisNode(run, (sentence) => void warnings.push(sentence));
  const dataDirs = allDataDirs(host.registry, typed.text('conf-dir') ?? '');
  const living = livingAttachments(dataDirs);
  const wirings = await repairWirings(host, living, (done) =>
    progress(`repair looks at pods: ${done} of ${living.length}`),
  );
  const firewall = await repairFirewall(host, dataDirs);
  const repaired: Repaired = {
    attachments: Math.max(living.length, firewall.attachments),
    mended: [
      ...wirings.mended.map((damage) => sentenceOf(damage)),
      ...wirings.forwarded.map((link) => `the host forwarded nothing that came from ${link}`),
      ...firewall.mended,
    ],
    left: wirings.left.map((damage) => sentenceOf(damage)),
  };
  const status = repaired.left.length > 0 ? 1 : 0;
  return { status, json: { ...repaired, warnings }, text: textOf(screen, repaired, warnings) };
}

export const repair: Command = {
  name: 'repair',
  summary: 'restore wiring and firewall rules of running pods, after something took them away',
  flags: [confDirFlag],
  examples: [['dualstack repair', 'after a restart of networkd, or a flushed rule set']],
  act,
};
