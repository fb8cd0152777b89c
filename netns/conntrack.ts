import { type Address, formatAddress } from '../conf/family.ts';
import { CommandError, type Run } from './exec.ts';
import { commandFailure } from './ip.ts';

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

/** Before conntrack-tools 1.4.7 there is no --load-file. */
function isUnknownOption(error: unknown): boolean {
  return error instanceof CommandError && /un(recognized|known) option|invalid option/i.test(error.stderr);
}

/** Ends with 1 also when there was no entry to delete. */
function isRefused(error: unknown): boolean {
  return error instanceof CommandError && error.outcome.kind === 'failed';
}

/**
 * Has the kernel forget the connections of addresses: the next packets of whoever used them are looked at anew, and
 * do not go on to where they no longer belong. In one process where conntrack can, in one for each question else.
 *
 * @param write makes a file of a text, and tells its path: conntrack opens its standard input by name, which a socket
 *   does not allow.
 * @throws {Failure} code 11 past the deadline, 102 when conntrack cannot be started or fails.
 */
export async function forgetConnections(
  run: Run,
  operation: string,
  addresses: readonly Address[],
  write: (text: string) => string,
): Promise<void> {
  const all = addresses.flatMap(deletions);
  if (all.length === 0) return;
  const file = write(all.map((args) => `${args.join(' ')}\n`).join(''));
  try {
    await run({ program: 'conntrack', args: ['--load-file', file], beside: true });
  } catch (error) {
    if (!isUnknownOption(error)) throw commandFailure(operation, error);
    for (const args of all) await deleteAlone(run, operation, args);
  }
}

async function deleteAlone(run: Run, operation: string, args: readonly string[]): Promise<void> {
  try {
    await run({ program: 'conntrack', args, beside: true });
  } catch (error) {
    if (!isRefused(error)) throw commandFailure(operation, error);
  }
}
