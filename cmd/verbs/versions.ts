import { statSync } from 'node:fs';
import { takesPlan } from '../../netns/firewall/inspect.ts';
import { planChain } from '../../netns/firewall/table.ts';
import {
  hasVersion,
  kernelRelease,
  type Outdated,
  outdatedKernel,
  outdatedPrograms,
} from '../../netns/process/versions.ts';
import type { Host } from '../cni/call.ts';
import { findOnPath } from '../cni/executables.ts';

/** What tells one file of a program from another, without starting it. */
function identityOf(command: string, path: string): string {
  const file = findOnPath(command, path);
  const found = file && statSync(file, { throwIfNoEntry: false });
  return found ? [file, found.dev, found.ino, found.size, found.mtimeMs].join() : command;
}

/**
 * What is older than any release that the tests run with. An older nftables or kernel that takes our rules all the same is
 * none: a node on which pods work does not become NotReady for a number. What was found well is remembered, until a
 * program or the kernel is another.
 *
 * @param needed the commands that an ADD starts.
 * @param path where they are looked for, as in PATH.
 */
export async function findOutdated(
  { run, registry }: Pick<Host, 'run' | 'registry'>,
  needed: readonly string[],
  path: string,
): Promise<readonly Outdated[]> {
  const names = needed.filter(hasVersion);
  const release = kernelRelease();
  const identity = [planChain, release, ...names.map((name) => identityOf(name, path))].join('\n');
  if (registry.recall('versions') === identity) return [];
  const old = [...outdatedKernel(release), ...(await outdatedPrograms(run, names))];
  const isTried = old.some(({ program }) => program !== 'ip') && needed.includes('nft');
  const takes = isTried && (await takesPlan(run, 'try the rules out'));
  const found = takes ? old.filter(({ program }) => program === 'ip') : old;
  if (found.length === 0) registry.remember('versions', identity);
  return found;
}
