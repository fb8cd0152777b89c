import { defaultDataDir } from '../../../conf/configuration.ts';
import { type Command, type Flag, helpFlag, jsonFlag, type Report } from '../engine/command.ts';
import { bold, italic, item, literal, macro } from './roff.ts';

const files: readonly (readonly [string, string])[] = [
  ['/opt/cni/bin/dualstack', 'the executable, where the runtime looks for plugins'],
  ['/etc/cni/net.d/10-dualstack.conflist', 'the network configuration'],
  [defaultDataDir, 'the leases, unless dataDir in the configuration names another folder'],
];

const statuses: readonly (readonly [string, string])[] = [
  ['0', 'success; for doctor: no problem was found'],
  ['1', 'the command failed; for doctor: there are warnings'],
  ['2', 'only for doctor: something is broken'],
  ['64', 'the command line is wrong'],
];

const description = `A CNI plugin that gives each Kubernetes pod an IPv4 and an IPv6 address. A container runtime calls it with
CNI_COMMAND in the environment. Without CNI_COMMAND it is a tool for the node, with the commands below.`;

/** The help's summaries begin with a small letter, and end without a period. */
function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function argumentOf({ argument }: Command): string[] {
  if (!argument) return [];
  const name = italic(argument.name);
  return [argument.isRequired ? name : `[${name}]`];
}

function synopsisOf(command: Command): string {
  return [bold(`dualstack ${command.name}`), '[options]', ...argumentOf(command)].join(' ');
}

function flagItem({ name, value, summary, choices, default: usual }: Flag): string {
  const term = value === undefined ? bold(`--${name}`) : `${bold(`--${name}`)} ${italic(value)}`;
  const notes = [
    ...(choices ? [`One of: ${choices.join(', ')}.`] : []),
    ...(usual === undefined ? [] : [`Default: ${usual}.`]),
  ];
  return item(term, literal([sentence(summary), ...notes].join(' ')));
}

function argumentItem({ argument }: Command): string[] {
  if (!argument) return [];
  const choices = argument.choices ? ` One of: ${argument.choices.join(', ')}.` : '';
  return [item(italic(argument.name), literal(sentence(argument.summary) + choices))];
}

function section(command: Command): string {
  return [
    macro('SS', literal(command.name)),
    synopsisOf(command),
    '.PP',
    literal(sentence(command.summary)),
    ...argumentItem(command),
    ...[...command.flags, jsonFlag, helpFlag].map(flagItem),
    '.PP',
    'Examples:',
    ...command.examples.map(([line, what]) => item(bold(line), literal(sentence(what)))),
  ].join('\n');
}

/** The manual page of all commands (man(7)), for section 8. */
export function manualPage(commands: readonly Command[], version: string): string {
  return [
    macro('TH', 'DUALSTACK', '8', '', literal(`dualstack ${version}`), 'System Administration'),
    // Words stay whole and lines ragged: addresses and paths are to be copied.
    '.nh',
    '.ad l',
    '.SH NAME',
    `dualstack \\- ${literal('dual-stack CNI plugin, and its tool for the node')}`,
    '.SH SYNOPSIS',
    commands.map(synopsisOf).join('\n.br\n'),
    '.SH DESCRIPTION',
    literal(description.replaceAll('\n', ' ')),
    '.SH COMMANDS',
    ...commands.map(section),
    '.SH EXIT STATUS',
    ...statuses.map(([status, meaning]) => item(bold(status), literal(sentence(meaning)))),
    '.SH FILES',
    ...files.map(([path, what]) => item(italic(path), literal(sentence(what)))),
    '.SH SEE ALSO',
    '.BR ip (8),',
    '.BR nft (8)',
  ].join('\n');
}

/** The command that prints the manual page. */
export function manualFor(commands: () => readonly Command[]): Command {
  return {
    name: 'man',
    summary: 'print the manual page',
    flags: [],
    examples: [
      ['dualstack man | man -l -', 'show it'],
      ['dualstack man > /usr/local/share/man/man8/dualstack.8', 'install it'],
    ],
    act: (_, { version }): Report => {
      const page = manualPage(commands(), version);
      return { status: 0, json: { page }, text: page };
    },
  };
}
