import type { Run } from '../../../netns/process/exec.ts';
import type { Environment } from '../../cni/environment.ts';
import type { Screen } from './screen.ts';

/** The way to the outside that a command gets: injected, for tests. */
export interface ToolHost {
  readonly run: Run;
  readonly environment: Environment;
  readonly readInput: () => string;
  readonly screen: Screen;
  /** Of this program. */
  readonly version: string;
  /** What people and runtimes call: its path. */
  readonly executable: string;
  /** What that starts, of the same release, in the same folder: its path. Undefined where Node.js runs the script. */
  readonly program: string | undefined;
  /** Tells who waits what is being done, in place of what it told before. Nothing where nobody looks on. */
  readonly progress: (text: string) => void;
}

/** What a command has to say: an object for `--json`, text for people and for pipes. */
export interface Report {
  readonly status: number;
  readonly json: unknown;
  readonly text: string;
}

/** What was typed, as the table of commands has it: options by the name of their flag. */
export interface Typed {
  readonly argument: string | undefined;
  readonly text: (flag: string) => string | undefined;
  /** Of a flag that may be repeated, and holds commas: all its items. */
  readonly list: (flag: string) => readonly string[];
  readonly isSet: (flag: string) => boolean;
}

export interface Flag {
  /** Without its dashes. */
  readonly name: string;
  /** What its value is, for the help; a flag without is a switch. */
  readonly value?: string;
  readonly isList?: boolean;
  readonly default?: string;
  readonly choices?: readonly string[];
  readonly summary: string;
}

/** One command: help, completion and the parser are all made from this. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly argument?: {
    readonly name: string;
    readonly isRequired: boolean;
    readonly summary: string;
    readonly choices?: readonly string[];
  };
  readonly flags: readonly Flag[];
  /** A command line, and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  readonly act: (typed: Typed, host: ToolHost) => Promise<Report> | Report;
}

/** Of every command. */
export const jsonFlag: Flag = { name: 'json', summary: 'write JSON' };
export const helpFlag: Flag = { name: 'help', summary: 'show its flags and examples' };

/** Where runtimes look for network configurations (libcni's default). */
export const confDirFlag: Flag = {
  name: 'conf-dir',
  value: 'folder',
  default: '/etc/cni/net.d',
  summary: 'where the runtime looks for network configurations',
};

export const binDirFlag: Flag = {
  name: 'bin-dir',
  value: 'folder',
  default: '/opt/cni/bin',
  summary: 'where the runtime looks for plugins',
};

/** A flag for who must know whether somebody typed it. @param what comes then, for the help. */
export function withDefault({ default: _, ...flag }: Flag, what: string): Flag {
  return { ...flag, summary: `${flag.summary} (default: ${what})` };
}
