import { dirname, join } from 'node:path';
import { isSea } from 'node:sea';
import type { Run } from '../../netns/process/exec.ts';
import { readStandardInput } from '../entry/streams.ts';
import type { ToolHost } from './engine/command.ts';
import { carryOut, type Outcome } from './engine/parser.ts';
import type { Screen } from './engine/screen.ts';
import { fits } from './engine/screen.ts';

/** Without a terminal nothing is wrapped: a line of text is a line of output. */
const unlimited = 1_000_000;

/** https://no-color.org: set to anything but nothing. */
function screen(): Screen {
  const isTerminal = process.stdout.isTTY === true;
  const { NO_COLOR = '', TERM = '' } = process.env;
  return {
    isTerminal,
    hasColours: isTerminal && NO_COLOR === '' && TERM !== 'dumb',
    columns: isTerminal ? process.stdout.columns || 80 : unlimited,
  };
}

/** What a person gives to the tool: what writes to standard error, and what starts programs. */
export interface Person {
  readonly run: Run;
  readonly tell: (text: string) => void;
}

/** Back to the beginning of the line, and erase it (ECMA-48, 8.3.41, EL). */
const newLine = '\r\x1b[K';

/** One line of standard error that is written over and over, for a person who waits; for nobody else. */
function progressOf({ tell }: Person): { progress: (text: string) => void; end: () => void } {
  let isShown = false;
  const progress = (text: string) => {
    if (process.stderr.isTTY !== true) return;
    isShown = true;
    tell(`${newLine}${fits(text, (process.stderr.columns || 80) - 1)}`);
  };
  return { progress, end: () => isShown && tell(newLine) };
}

/** The process's own environment, standard streams and executable: the script, when Node.js runs one. */
function toolHost(version: string, { run }: Person, progress: ToolHost['progress']): ToolHost {
  return {
    run,
    progress,
    environment: process.env,
    readInput: readStandardInput,
    screen: screen(),
    version,
    ...(isSea()
      ? { executable: join(dirname(process.execPath), 'dualstack'), program: process.execPath }
      : { executable: process.argv[1] ?? process.execPath, program: undefined }),
  };
}

/** The tool's entry: what a person typed, to what is written. */
export async function serve(words: readonly string[], version: string, person: Person): Promise<Outcome> {
  const { progress, end } = progressOf(person);
  const outcome = await carryOut(words, toolHost(version, person, progress));
  end();
  return outcome;
}
