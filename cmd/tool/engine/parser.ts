import { Argument, Command as Commander, CommanderError, Option } from 'commander';
import { Failure, reason } from '../../../conf/failure.ts';
import { jsonText, printable } from '../../../conf/printable.ts';
import { supportedVersions } from '../../cni/version.ts';
import { type Command, type Flag, jsonFlag, type Report, type ToolHost, type Typed } from './command.ts';
import { commands } from './commands.ts';
import { hanging, paint, type Screen } from './screen.ts';

/** What the process writes, and its exit status. */
export interface Outcome {
  readonly output: string;
  readonly complaint: string;
  readonly status: number;
}

/** Of a command line that we do not understand (sysexits.h, EX_USAGE): never taken for a diagnosis. */
const usageStatus = 64;

function optionOf(flag: Flag): Option {
  const option = new Option(`--${flag.name}${flag.value ? ` <${flag.value}>` : ''}`, flag.summary);
  if (flag.choices) option.choices(flag.choices);
  if (flag.isList) {
    option.argParser((value: string, earlier: string[] | undefined) => [
      ...(earlier ?? []),
      ...value.split(',').filter((item) => item !== ''),
    ]);
  }
  return flag.default === undefined ? option : option.default(flag.default);
}

function typedOf(argument: string | undefined, values: Readonly<Record<string, unknown>>): Typed {
  const typed = (flag: string) =>
    values[flag.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
  return {
    argument,
    text: (flag) => typed(flag) as string | undefined,
    list: (flag) => (typed(flag) as string[] | undefined) ?? [],
    isSet: (flag) => typed(flag) === true,
  };
}

function examplesOf(command: Command, screen: Screen): string {
  const lines = command.examples.map(([line, what]) => `  ${line}\n      ${what}`);
  return `\n${paint(screen, 'bold', 'Examples:')}\n${lines.join('\n')}`;
}

function subcommand(command: Command, screen: Screen, act: (typed: Typed) => Promise<void>): Commander {
  const made = new Commander(command.name).description(command.summary);
  if (command.argument) {
    const { name, isRequired, summary, choices } = command.argument;
    const argument = new Argument(isRequired ? `<${name}>` : `[${name}]`, summary);
    made.addArgument(choices ? argument.choices(choices) : argument);
  }
  for (const flag of [...command.flags, jsonFlag]) made.addOption(optionOf(flag));
  made.addHelpText('after', examplesOf(command, screen));
  made.action((...given: unknown[]) => {
    const argument = command.argument ? (given[0] as string | undefined) : undefined;
    return act(typedOf(argument, made.opts()));
  });
  return made;
}

function versionText(version: string): string {
  return `dualstack ${version}\nCNI protocol versions: ${supportedVersions.join(', ')}`;
}

function rendered(report: Report, asJson: boolean): Outcome {
  const output = asJson ? jsonText(report.json, 2) : report.text;
  return { output: output === '' ? '' : `${output}\n`, complaint: '', status: report.status };
}

/** A sentence for a person: what failed, and the next step. */
function complaintOf(error: unknown, screen: Screen): string {
  const details = error instanceof Failure ? error.details : '';
  const lead = 'dualstack: ';
  const lines = [reason(error), ...(details === '' ? [] : [details])];
  const text = lines
    .map((line, index) => hanging(screen, index === 0 ? lead : ' '.repeat(lead.length), line))
    .join('\n');
  return `${paint(screen, 'red', text.slice(0, lead.length))}${text.slice(lead.length)}\n`;
}

/** Where commander writes to while it parses: help and complaints. */
class Paper {
  output = '';
  complaint = '';
}

function programOf(host: ToolHost, paper: Paper, done: (outcome: Outcome) => void): Commander {
  const { screen, version } = host;
  const program = new Commander('dualstack')
    .description(
      'A CNI plugin that gives each pod an IPv4 and an IPv6 address; called by a person, its tool.',
    )
    .version(versionText(version), '--version', 'version of this program, and of the CNI protocol')
    .addHelpText('after', '\nRun "dualstack <command> --help" for its flags and examples.');
  for (const command of commands) {
    const act = async (typed: Typed) => done(rendered(await command.act(typed, host), typed.isSet('json')));
    program.addCommand(subcommand(command, screen, act));
  }
  const helpWidth = screen.isTerminal ? screen.columns : 80;
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureHelp({ styleTitle: (title) => paint(screen, 'bold', title) });
    each.showHelpAfterError(`(see "${each === program ? 'dualstack' : `dualstack ${each.name()}`} --help")`);
    each.configureOutput({
      writeOut: (text) => {
        paper.output += text;
      },
      writeErr: (text) => {
        paper.complaint += text.split('\n').map(printable).join('\n');
      },
      getOutHelpWidth: () => helpWidth,
      getErrHelpWidth: () => helpWidth,
    });
  }
  return program;
}

/**
 * One call of the tool, from the words of the command line to what it writes.
 *
 * @param words without the program's own name.
 * @returns always: whatever is thrown becomes a complaint. Status 64 for a command line that is wrong.
 */
export async function carryOut(words: readonly string[], host: ToolHost): Promise<Outcome> {
  const paper = new Paper();
  let outcome: Outcome | undefined;
  const program = programOf(host, paper, (reported) => {
    outcome = reported;
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return outcome ?? { output: paper.output, complaint: paper.complaint, status: 0 };
  } catch (error) {
    if (error instanceof CommanderError) {
      return { ...paper, status: error.exitCode === 0 ? 0 : usageStatus };
    }
    return { output: '', complaint: complaintOf(error, host.screen), status: words[0] === 'doctor' ? 2 : 1 };
  }
}
