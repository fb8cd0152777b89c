import { isDeepStrictEqual } from 'node:util';
import type { ExecutionContext } from 'ava';
import { type Command, CommandError, type Outcome, type Run } from '../../netns/process/exec.ts';

/** What a program answers: its output, and how it ended when that was not well. */
export interface Reply {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly outcome?: Outcome;
}

/** One call that a test expects, and the reply. */
export type Exchange = readonly [
  Pick<Command, 'program' | 'args' | 'input' | 'descriptor' | 'beside'>,
  Reply?,
];

/** A call of `ip` on the host: lines for its standard input, and options before `-batch -`. */
export function ipLines(lines: readonly string[], ...options: string[]): Exchange[0] {
  return {
    program: 'ip',
    args: [...options, '-batch', '-'],
    input: lines.map((line) => `${line}\n`).join(''),
  };
}

/** How a program ends that writes this on standard error. */
export function refusal(stderr: string, stdout = ''): Reply {
  return { stdout, stderr, outcome: { kind: 'failed', status: 1 } };
}

export async function reply(command: Command, { stdout = '', stderr = '', outcome }: Reply) {
  if (outcome) throw new CommandError(command, outcome, { stdout, stderr });
  return { stdout, stderr };
}

/**
 * Stands in for the one function that starts processes. The test fails on a call that is not the next one of
 * these, and on one of these that never came.
 */
export function expectedRuns(t: ExecutionContext, exchanges: readonly Exchange[]): Run {
  const left = [...exchanges];
  t.teardown(() => {
    if (left.length > 0)
      throw new Error(`never started: ${JSON.stringify(left.map(([command]) => command))}`);
  });
  return async (command) => {
    const [expected, answer = {}] = left.shift() ?? [];
    if (!isDeepStrictEqual(command, expected)) {
      const [seen, wanted] = [command, expected].map((any) => JSON.stringify(any));
      t.fail(`started ${seen}, and ${wanted ?? 'nothing'} was expected`);
    }
    return reply(command, answer);
  };
}
