import { codes, Failure } from '../../conf/failure.ts';
import { inheritedNamespace } from '../link/plan.ts';
import { type Command, CommandError, type Run } from './exec.ts';
import { classifyIpError, type IpError } from './ip-errors.ts';

/** Debian's package of each program, for the remedy. */
export const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  tc: 'iproute2',
  nsenter: 'util-linux',
  tee: 'coreutils',
  nft: 'nftables',
  unshare: 'util-linux',
  conntrack: 'conntrack',
};

/** Where a program runs: on the host, or in the namespace of this file descriptor. */
export type Place = number | 'host';

/** The same program inside a namespace; the descriptor is inherited, so no path is resolved again. */
export function placed(command: Command, place: Place): Command {
  if (place === 'host') return command;
  const args = [`--net=${inheritedNamespace}`, '--', command.program, ...command.args];
  return { ...command, program: 'nsenter', args, descriptor: place };
}

/** What takes lines by `-batch`, and says of them in the same words what it refuses. */
export type BatchProgram = 'ip' | 'tc';

/** One of several lines for `ip -batch` or `tc -batch` that was refused. */
export class RefusedLine extends Failure {
  readonly line: string;
  readonly answer: IpError;

  constructor(operation: string, program: BatchProgram, line: string, answer: IpError, cause: unknown) {
    super(codes.wiring, `${operation}: ${program} ${line}: ${answer.text}`, {
      details: remedies[answer.kind],
      cause,
    });
    this.line = line;
    this.answer = answer;
  }
}

const remedies = {
  exists: 'something else made this object: look for it with ip, and remove it if it is left over',
  absent: 'the interface or namespace went away meanwhile: the container was probably stopped',
  'not permitted': 'the plugin needs root with CAP_NET_ADMIN and CAP_SYS_ADMIN',
  other: 'see the text above, and the kernel log',
} as const;

/** The error for a program that gave no answer. */
export function commandFailure(operation: string, error: unknown): Failure {
  if (!(error instanceof CommandError)) throw error;
  const { program } = error.command;
  const text = `${operation}: ${error.message}`;
  switch (error.outcome.kind) {
    case 'late':
      return new Failure(codes.tryAgain, text, {
        details: 'the kernel is busy: try again later',
        cause: error,
      });
    case 'missing':
      return new Failure(codes.wiring, text, {
        details: `install ${packages[program] ?? program}, or put ${program} on the PATH of the container runtime`,
        cause: error,
      });
    default:
      return new Failure(codes.wiring, text, { details: error.stderr.trim(), cause: error });
  }
}

/** Has `ip -batch` run the lines: as `batch`. */
export function ipBatch(run: Run, place: Place, operation: string, lines: readonly string[]): Promise<void> {
  return batch(run, place, 'ip', operation, lines);
}

/**
 * Has `ip -batch` or `tc -batch` run the lines, up to the first that fails.
 *
 * @param operation what it is for, for the error: `wire eth0 of container 4a1f…`.
 * @throws {RefusedLine} for a line that the kernel or the program refused.
 * @throws {Failure} code 11 past the deadline, 102 when the program cannot be started.
 */
export async function batch(
  run: Run,
  place: Place,
  program: BatchProgram,
  operation: string,
  lines: readonly string[],
): Promise<void> {
  const command = { program, args: ['-batch', '-'], input: lines.map((line) => `${line}\n`).join('') };
  try {
    await run(placed(command, place));
  } catch (error) {
    if (!(error instanceof CommandError) || error.outcome.kind !== 'failed')
      throw commandFailure(operation, error);
    const answer = classifyIpError(error.stderr);
    const line = answer.line === undefined ? undefined : lines[answer.line - 1];
    if (line === undefined) throw commandFailure(operation, error);
    throw new RefusedLine(operation, program, line, answer, error);
  }
}

/**
 * Asks `ip -json` several questions at once.
 *
 * @returns the objects of all answers in a row; what does not exist has none.
 */
export async function ipQuery(
  run: Run,
  place: Place,
  operation: string,
  questions: readonly string[],
): Promise<unknown[]> {
  const args = ['-details', '-json', '-force', '-batch', '-'];
  const input = questions.map((question) => `${question}\n`).join('');
  const stdout = await answerOf(run, placed({ program: 'ip', args, input }, place), operation);
  const documents = stdout.split('\n').filter((line) => line.startsWith('['));
  return documents.flatMap(parseAnswer);
}

/**
 * Parses a list that `ip -json` or `tc -json` printed; nothing, which some versions print of nothing, is an empty one.
 *
 * Names and aliases of links are anybody's, and iproute2 prints their control characters as they are; some versions write `\'`,
 * which JSON does not have.
 */
export function parseAnswer(text: string): unknown[] {
  if (text.trim() === '') return [];
  const mended = text.trim().replace(/\\[\s\S]|\p{Cc}/gu, (piece) => {
    if (piece.startsWith('\\')) return piece === "\\'" ? "'" : piece;
    if ('\n\r\t'.includes(piece)) return piece;
    return `\\u${piece.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return JSON.parse(mended) as unknown[];
}

/**
 * What a program that was asked something wrote on its standard output. With -force, `ip` answers all it can and ends
 * with 1 when something did not exist.
 */
export async function answerOf(run: Run, command: Command, operation: string): Promise<string> {
  try {
    return (await run(command)).stdout;
  } catch (error) {
    if (!(error instanceof CommandError) || error.outcome.kind !== 'failed')
      throw commandFailure(operation, error);
    const complaint = classifyIpError(error.stderr);
    if (complaint.kind !== 'absent') throw commandFailure(operation, error);
    return error.stdout;
  }
}
