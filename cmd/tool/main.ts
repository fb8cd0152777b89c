import { dirname, join } from 'node:path';
import { isSea } from 'node:sea';
import type { Run } from '../../netns/process/exec.ts';
import { readStandardInput } from '../entry/streams.ts';
import type { ToolHost } from './engine/command.ts';
import { carryOut, type Outcome } from './engine/parser.ts';
import type { Screen } from './engine/screen.ts';

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

/** The process's own environment, standard streams and executable: the script, when Node.js runs one. */
function toolHost(version: string, run: Run): ToolHost {
  return {
    run,
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
export function serve(words: readonly string[], version: string, run: Run): Promise<Outcome> {
  return carryOut(words, toolHost(version, run));
}
