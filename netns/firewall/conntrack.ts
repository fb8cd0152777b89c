import { type Address, formatAddress } from '../../conf/family.ts';
import { CommandError, type Run } from '../process/exec.ts';
import { commandFailure } from '../process/ip.ts';

/** What deletes the entries of an address: of connections from it, and of those that are answered by it. */
function deletions(address: Address): string[][] {
  const family = address.family.name.toLowerCase();
  return ['--orig-src', '--reply-src'].map((side) => [
    '--delete',
    '--family',
    family,
    side,
    formatAddress(address),
  ]);
}

/** Before conntrack-tools 1.4.7 there is no such output, no listing of both families, and no --load-file. */
const listing = ['--dump', '--output', 'save'];

function isTooOld(error: unknown): boolean {
  return error instanceof CommandError && /bad parameter/i.test(error.stderr);
}

/** Exits with 1 if there was no entry to delete. */
function isRefused(error: unknown): boolean {
  return error instanceof CommandError && error.outcome.kind === 'failed';
}

/**
 * Deletes the kernel's connection entries of addresses, so that later packets are evaluated again and do not go to an
 * old destination. conntrack looks through the kernel's whole table for each deletion: once for all tells which
 * addresses need any.
 *
 * @throws {Failure} code 11 past the deadline, 102 when conntrack cannot be started or fails.
 */
export async function forgetConnections(
  run: Run,
  operation: string,
  addresses: readonly Address[],
): Promise<void> {
  if (addresses.length === 0) return;
  try {
    const { stdout } = await run({ program: 'conntrack', args: listing, beside: true });
    const due = addresses
      .filter((address) => stdout.includes(` ${formatAddress(address)} `))
      .flatMap(deletions);
    if (due.length === 0) return;
    const input = due.map((args) => `${args.join(' ')}\n`).join('');
    await run({ program: 'conntrack', args: ['--load-file', '-'], input, beside: true });
  } catch (error) {
    if (!isTooOld(error)) throw commandFailure(operation, error);
    for (const args of addresses.flatMap(deletions)) await deleteAlone(run, operation, args);
  }
}

async function deleteAlone(run: Run, operation: string, args: readonly string[]): Promise<void> {
  try {
    await run({ program: 'conntrack', args, beside: true });
  } catch (error) {
    if (!isRefused(error)) throw commandFailure(operation, error);
  }
}
