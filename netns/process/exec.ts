import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { reason } from '../../conf/failure.ts';
import { UnnamedFile } from './unnamed-file.ts';

/** A program to start, with an argument list. There is no shell. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** For its standard input. */
  readonly input?: string;
  /** One of our file descriptors, which the program gets as descriptor 3. */
  readonly descriptor?: number;
  /** Replaces our environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until it is killed. */
  readonly deadline?: number;
  /** The caller has something to do meanwhile. All else waits, which takes 1 ms less for each process. */
  readonly beside?: boolean;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a program and waits for it. Tests stand in for this one function. */
export type Run = (command: Command) => Promise<Output>;

/** The deadline of a program. After it, the error asks the runtime to try again. */
export const defaultDeadline = 10_000;

/** Why a program did not do its work. */
export type Outcome =
  | { readonly kind: 'missing' }
  | { readonly kind: 'not started'; readonly errno: string }
  | { readonly kind: 'late'; readonly milliseconds: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'failed'; readonly status: number };

function sentence(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'missing':
      return 'no such command';
    case 'not started':
      return `cannot be started: ${outcome.errno}`;
    case 'late':
      return `no answer within ${outcome.milliseconds / 1000} s`;
    case 'killed':
      return `killed by ${outcome.signal}`;
    case 'failed':
      return `exit status ${outcome.status}`;
  }
}

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly command: Command;
  readonly outcome: Outcome;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: Command, outcome: Outcome, output: Output, cause?: unknown) {
    super(`${command.program}: ${sentence(outcome)}`, { cause });
    this.command = command;
    this.outcome = outcome;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
  }
}

function missingOr(error: NodeJS.ErrnoException): Outcome {
  return error.code === 'ENOENT'
    ? { kind: 'missing' }
    : { kind: 'not started', errno: error.code ?? error.message };
}

/** @param status of a process that has ended; null when a signal ended it. */
function outcomeOf(status: number | null, signal: NodeJS.Signals | null): Outcome | undefined {
  if (status === 0) return undefined;
  return signal ? { kind: 'killed', signal } : { kind: 'failed', status: status ?? -1 };
}

/** @param streams its standard input, output and error. */
function optionsOf({ descriptor, env }: Command, streams: readonly (number | 'pipe')[]): SpawnOptions {
  return {
    stdio: [...streams, ...(descriptor === undefined ? [] : [descriptor])],
    ...(env && { env }),
  };
}

/** Stops everything until the program has ended. */
function runAlone(command: Command): Output {
  const deadline = command.deadline ?? defaultDeadline;
  const result = spawnSync(command.program, command.args, {
    ...optionsOf(command, ['pipe', 'pipe', 'pipe']),
    input: command.input ?? '',
    encoding: 'utf8',
    timeout: deadline,
    killSignal: 'SIGKILL',
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  const error: NodeJS.ErrnoException | undefined = result.error;
  const output = { stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
  if (error?.code === 'ETIMEDOUT') {
    throw new CommandError(command, { kind: 'late', milliseconds: deadline }, output, error);
  }
  // A program that ends before it reads all input causes EPIPE; its status says why.
  const isStarted = result.status !== null || result.signal !== null;
  const outcome = error && !isStarted ? missingOr(error) : outcomeOf(result.status, result.signal);
  if (outcome) throw new CommandError(command, outcome, output, error);
  return output;
}

/** Files for what a program reads, and for its standard output and error. */
function openStreams(command: Command): UnnamedFile[] {
  try {
    return [command.input, '', ''].map((content) => new UnnamedFile(content));
  } catch (error) {
    const outcome = { kind: 'not started', errno: `no temporary file: ${reason(error)}` } as const;
    throw new CommandError(command, outcome, { stdout: '', stderr: '' }, error);
  }
}

/**
 * Leaves everything else going. What it reads and writes is in files: nft writes word by word, and some hundred words
 * fill a pipe of Node.js, which nobody empties as long as another program stops everything.
 */
async function runBeside(command: Command): Promise<Output> {
  const files = openStreams(command);
  try {
    const { outcome, cause } = await endingBeside(
      command,
      files.map(({ descriptor }) => descriptor),
    );
    const [, stdout = '', stderr = ''] = files.map((file) => file.read());
    if (outcome) throw new CommandError(command, outcome, { stdout, stderr }, cause);
    return { stdout, stderr };
  } finally {
    for (const file of files) file.close();
  }
}

interface Ending {
  readonly outcome?: Outcome | undefined;
  readonly cause?: unknown;
}

/** @param streams descriptors for its standard input, output and error. */
function endingBeside(command: Command, streams: readonly number[]): Promise<Ending> {
  return new Promise((resolve) => {
    const milliseconds = command.deadline ?? defaultDeadline;
    const child = spawn(command.program, command.args, optionsOf(command, streams));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve({ outcome: { kind: 'late', milliseconds } });
    }, milliseconds);
    const end = (ending: Ending) => {
      clearTimeout(timer);
      resolve(ending);
    };
    child.on('error', (error: NodeJS.ErrnoException) => end({ outcome: missingOr(error), cause: error }));
    child.on('exit', (status, signal) => end({ outcome: outcomeOf(status, signal) }));
  });
}

/**
 * The one place that starts processes. node:child_process itself, for this is on the way of every pod: the first
 * call of execa costs 25 ms more than this one, about as much as Node.js needs to start.
 *
 * @throws {CommandError} when the program is missing, late, killed, or ends with a status other than 0.
 */
export const run: Run = async (command) => (command.beside ? runBeside(command) : runAlone(command));
