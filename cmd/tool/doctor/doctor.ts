import { dirname } from 'node:path';
import { parseConfiguration } from '../../../conf/configuration.ts';
import { Failure, reason } from '../../../conf/failure.ts';
import { printable } from '../../../conf/printable.ts';
import { poolsOf } from '../../../ipam/pool.ts';
import { preferenceOf } from '../../../ipam/preference.ts';
import { versionOf } from '../../cni/version.ts';
import {
  binDirFlag,
  type Command,
  confDirFlag,
  type Report,
  type ToolHost,
  type Typed,
  withDefault,
} from '../engine/command.ts';
import { commandLines, hanging, paint, type Rendition, record, type Screen } from '../engine/screen.ts';
import { candidatesIn, type NetworkFile, ownPlugin, readNetworkFile } from '../init/conflist.ts';
import { findRuntimes } from '../runtime/find.ts';
import { defaultBinDir, defaultConfDir } from '../runtime/settings.ts';
import { acceptRa } from './checks/accept-ra.ts';
import { arpIgnore } from './checks/arp-ignore.ts';
import type { Check, Finding, Level, Patient } from './checks/check.ts';
import { commands } from './checks/commands.ts';
import { configuration } from './checks/configuration.ts';
import { families } from './checks/families.ts';
import { foreignTables } from './checks/foreign-tables.ts';
import { forward } from './checks/forward.ts';
import { forwarding } from './checks/forwarding.ts';
import { ipv6 } from './checks/ipv6.ts';
import { kernel } from './checks/kernel.ts';
import { leases } from './checks/leases.ts';
import { limits } from './checks/limits.ts';
import { mtu } from './checks/mtu.ts';
import { overlap } from './checks/overlap.ts';
import { plugins } from './checks/plugins.ts';
import { podCIDRs } from './checks/pod-cidrs.ts';
import { reversePath } from './checks/reverse-path.ts';
import { runtimeChecks } from './checks/runtime.ts';
import { store } from './checks/store.ts';
import { table } from './checks/table.ts';
import { wiring } from './checks/wiring.ts';

/** In the order of a pod's way: first what the runtime reads, then what the host needs, then what is there. */
const checks: readonly Check[] = [
  configuration,
  plugins,
  commands,
  kernel,
  foreignTables,
  families,
  overlap,
  ipv6,
  forwarding,
  acceptRa,
  reversePath,
  arpIgnore,
  forward,
  mtu,
  store,
  leases,
  podCIDRs,
  wiring,
  table,
  ...runtimeChecks,
  limits,
];

type Examined = Pick<Patient, 'configuration' | 'preference' | 'complaint'>;

/** What our plugin would make of its configuration. */
function examine(plugin: Patient['plugin']): Examined {
  const nothing: Examined = { configuration: undefined, preference: undefined, complaint: undefined };
  if (!plugin) return nothing;
  let parsed: Patient['configuration'];
  try {
    versionOf(plugin);
    parsed = parseConfiguration(plugin);
    const preference = parsed.ipam ? undefined : preferenceOf(parsed, poolsOf(parsed));
    return { ...nothing, configuration: parsed, preference };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...nothing, configuration: parsed, complaint: error };
  }
}

/** The file that was named; else ours, wherever it stands; else what the runtime would use. */
function chosenFile(typed: Typed, folder: string): NetworkFile | undefined {
  if (typed.argument !== undefined) return readNetworkFile(typed.argument);
  const files = candidatesIn(folder).flatMap(({ file }) => file ?? []);
  return files.find((file) => ownPlugin(file) !== undefined);
}

function patientOf(typed: Typed, host: ToolHost): Patient {
  const { argument } = typed;
  const runtimes = findRuntimes(typed.text('containerd-config'));
  const looked = typed.text('conf-dir') ?? runtimes[0]?.confDir.value ?? defaultConfDir;
  const confDir = argument === undefined ? looked : dirname(argument);
  const named = typed.text('bin-dir');
  const file = chosenFile(typed, confDir);
  const plugin = file && ownPlugin(file);
  return {
    run: host.run,
    environment: host.environment,
    executable: host.executable,
    program: host.program,
    version: host.version,
    progress: host.progress,
    runtimes,
    confDir,
    binDirs: named === undefined ? (runtimes[0]?.binDirs.value ?? [defaultBinDir]) : [named],
    candidates: candidatesIn(confDir),
    file,
    plugin,
    ...examine(plugin),
  };
}

type Named = Finding & { readonly check: string };

/** A check that fails itself has found something, too: the host does not answer. */
async function carryOut(check: Check, patient: Patient): Promise<Named[]> {
  const found = await Promise.resolve()
    .then(() => check.run(patient))
    .catch((error: unknown): Finding[] => {
      if (!(error instanceof Failure)) throw error;
      return [{ level: 'warning', found: `could not look: ${reason(error)}`, advice: error.details }];
    });
  return found.map((finding) => ({ check: check.name, ...finding }));
}

const looks: Readonly<Record<Level, { word: string; rendition: Rendition }>> = {
  ok: { word: 'ok', rendition: 'green' },
  note: { word: 'note', rendition: 'dim' },
  warning: { word: 'warning', rendition: 'yellow' },
  broken: { word: 'BROKEN', rendition: 'red' },
};

const wordWidth = 9;
const nameWidth = 16;

/** Command lines are there to be copied: what follows their `#` is a shell's. */
function block(screen: Screen, { check, level, found, remedy = [], advice }: Named): string {
  const { word, rendition } = looks[level];
  const lead = word.padEnd(wordWidth) + check.padEnd(nameWidth);
  const head = hanging(screen, lead, found);
  const indent = ' '.repeat(wordWidth);
  const lines = [
    paint(screen, rendition, head.slice(0, wordWidth)) + head.slice(wordWidth),
    ...remedy.map((line) => paint(screen, 'bold', commandLines(screen, `${indent}# `, printable(line)))),
    ...(advice ? [hanging(screen, indent, advice)] : []),
  ];
  return lines.join('\n');
}

function summary(named: readonly Named[]): string {
  const count = (level: Level) => named.filter((finding) => finding.level === level).length;
  const [broken, warnings] = [count('broken'), count('warning')];
  if (broken + warnings === 0) return 'All is well.';
  const kept = named.some(({ remedy = [] }) => remedy.some((line) => line.startsWith('sysctl')))
    ? ' What sysctl sets lasts until the next boot: write it to a file of /etc/sysctl.d, too.'
    : '';
  return `${broken} broken, ${warnings} to look at. Lines that begin with # are commands that mend it.${kept}`;
}

/** One line for each finding, of fields with a tab between them. */
function recordOf({ check, level, found, remedy = [] }: Named): string {
  return record([level, check, found, remedy.join(' && ') || '-']);
}

function textOf(screen: Screen, named: readonly Named[]): string {
  if (!screen.isTerminal) return named.map(recordOf).join('\n');
  return [
    ...named.map((finding) => block(screen, finding)),
    '',
    ...[hanging(screen, '', summary(named))],
  ].join('\n');
}

function statusOf(named: readonly Named[]): 0 | 1 | 2 {
  if (named.some(({ level }) => level === 'broken')) return 2;
  return named.some(({ level }) => level === 'warning') ? 1 : 0;
}

async function act(typed: Typed, host: ToolHost): Promise<Report> {
  const patient = patientOf(typed, host);
  const named: Named[] = [];
  for (const check of checks) {
    host.progress(`doctor looks at: ${check.name}`);
    named.push(...(await carryOut(check, patient)));
  }
  const status = statusOf(named);
  return { status, json: { status, findings: named }, text: textOf(host.screen, named) };
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'find what keeps pods from working, and print what fixes it',
  argument: {
    name: 'conflist',
    isRequired: false,
    summary: "a network configuration (default: ours in the runtime's folder)",
  },
  flags: [
    withDefault(confDirFlag, 'as its configuration says'),
    withDefault(binDirFlag, 'as its configuration says'),
    {
      name: 'containerd-config',
      value: 'file',
      summary: 'the configuration of containerd (default: that of the runtime that is found)',
    },
  ],
  examples: [
    ['dualstack doctor', 'exit status 0: all is well; 1: warnings; 2: something is broken'],
    ['dualstack doctor --json', 'the same for scripts'],
  ],
  act,
};
