import { defaultDataDir } from '../../../conf/configuration.ts';
import { thisNode } from '../../cni/call.ts';
import { type Repaired, repairFirewall } from '../../verbs/repair.ts';
import { type Command, confDirFlag, type Report, type ToolHost, type Typed } from '../engine/command.ts';
import { findNetworks } from '../engine/networks.ts';
import { printable } from '../engine/screen.ts';

function textOf({ attachments, mended }: Repaired, warnings: readonly string[]): string {
  const which = attachments === 1 ? '1 attachment' : `${attachments} attachments`;
  const lines = mended.map((sentence) => `mended: ${sentence}`);
  const end = mended.length > 0 ? `The firewall is whole again, for ${which}.` : nothing(attachments, which);
  return [...warnings, ...lines, end].map(printable).join('\n');
}

function nothing(attachments: number, which: string): string {
  return attachments > 0
    ? `The firewall is as it should be, for ${which}.`
    : 'Nothing to repair: no pod of ours runs here.';
}

async function act(typed: Typed, { run }: ToolHost): Promise<Report> {
  const warnings: string[] = [];
  const host = thisNode(run, (sentence) => void warnings.push(sentence));
  const configured = findNetworks(typed.text('conf-dir') ?? '').map(({ dataDir }) => dataDir);
  const dataDirs = [...new Set([...host.registry.dataDirs(defaultDataDir), ...configured])];
  const repaired = await repairFirewall(host, dataDirs);
  return { status: 0, json: { ...repaired, warnings }, text: textOf(repaired, warnings) };
}

export const repair: Command = {
  name: 'repair',
  summary: 'restore the firewall rules of running pods after somebody flushed or changed them',
  flags: [confDirFlag],
  examples: [['dualstack repair', 'fix what doctor found in nftables, and change nothing else']],
  act,
};
