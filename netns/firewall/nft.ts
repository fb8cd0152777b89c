import { codes, Failure } from '../../conf/failure.ts';
import { CommandError, type Run } from '../process/exec.ts';
import { commandFailure } from '../process/ip.ts';
import { type Complaint, parseComplaints } from './errors.ts';

/** A transaction that nft or the kernel refused: nothing of it was done. */
export class RefusedTransaction extends Failure {
  readonly complaints: readonly Complaint[];

  constructor(operation: string, complaints: readonly Complaint[], cause: CommandError) {
    const texts = new Set(complaints.map(({ text }) => text));
    super(codes.wiring, `${operation}: nft: ${[...texts].join('; ')}`, {
      details: cause.stderr.trim(),
      cause,
    });
    this.complaints = complaints;
  }
}

/**
 * Has nft carry out lines as one transaction: all of them, or none.
 *
 * @param operation what it is for, for the error.
 * @param options more of nft's own: `-t` leaves elements out of listings.
 * @returns what the lines list, as it was before the transaction.
 * @throws {RefusedTransaction} when a line was refused.
 * @throws {Failure} code 11 past the deadline, 102 when nft cannot be started.
 */
export async function nft(
  run: Run,
  operation: string,
  input: string,
  options: readonly string[] = [],
): Promise<string> {
  try {
    return (await run({ program: 'nft', args: [...options, '-f', '-'], input, beside: true })).stdout;
  } catch (error) {
    if (!(error instanceof CommandError) || error.outcome.kind !== 'failed')
      throw commandFailure(operation, error);
    const complaints = parseComplaints(error.stderr);
    if (complaints.length === 0) throw commandFailure(operation, error);
    throw new RefusedTransaction(operation, complaints, error);
  }
}

/** Whether the error is that a program is not installed. */
export function isMissing(error: unknown): boolean {
  const cause = error instanceof Failure ? error.cause : error;
  return cause instanceof CommandError && cause.outcome.kind === 'missing';
}

/** Whether a line was refused because the table, or something in it, is not there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof RefusedTransaction && error.complaints.some(({ kind }) => kind === 'absent');
}
