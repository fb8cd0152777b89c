import { codes, Failure } from '../../conf/failure.ts';
import { CommandError, type Run } from '../process/exec.ts';
import { commandFailure } from '../process/ip.ts';
import { type Complaint, parseComplaints } from './errors.ts';
import { formatTransaction, type Operation, type Transaction } from './transaction.ts';

/** An operation that was refused, and why. */
export interface Refusal extends Omit<Complaint, 'line'> {
  readonly operation: Operation;
}

/** A transaction that nft or the kernel rejected. Nothing of it was applied. */
export class RefusedTransaction extends Failure {
  readonly refusals: readonly Refusal[];

  constructor(operation: string, refusals: readonly Refusal[], cause: CommandError) {
    const texts = new Set(refusals.map(({ text }) => text));
    super(codes.wiring, `${operation}: nft: ${[...texts].join('; ')}`, {
      details: cause.stderr.trim(),
      cause,
    });
    this.refusals = refusals;
  }
}

function refusalsOf(transaction: Transaction, { stderr }: CommandError): Refusal[] {
  return parseComplaints(stderr).flatMap(({ line, ...complaint }) => {
    const operation = transaction[line - 1];
    return operation ? [{ operation, ...complaint }] : [];
  });
}

/**
 * Has nft carry out a transaction.
 *
 * @param operation what it is for, for the error.
 * @returns undefined when all of it was done; else why nothing was.
 * @throws {Failure} code 11 past the deadline, 102 when nft cannot be started, or crashes.
 */
export async function attempt(
  run: Run,
  operation: string,
  transaction: Transaction,
): Promise<RefusedTransaction | undefined> {
  try {
    const input = formatTransaction(transaction);
    await run({ program: 'nft', args: ['-f', '-'], input, beside: true });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError) || error.outcome.kind !== 'failed')
      throw commandFailure(operation, error);
    const refusals = refusalsOf(transaction, error);
    if (refusals.length === 0) throw commandFailure(operation, error);
    return new RefusedTransaction(operation, refusals, error);
  }
}

/** As `attempt`. @throws {RefusedTransaction} when an operation was refused. */
export async function apply(run: Run, operation: string, transaction: Transaction): Promise<void> {
  const refused = await attempt(run, operation, transaction);
  if (refused) throw refused;
}

/** Whether the error is that a program is not installed. */
export function isMissing(error: unknown): boolean {
  const cause = error instanceof Failure ? error.cause : error;
  return cause instanceof CommandError && cause.outcome.kind === 'missing';
}
