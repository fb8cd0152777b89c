import { once } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';

/** What outlives whoever made it: a network namespace, or a machine with its first process, folder and cgroup. */
export type Possession =
  | { readonly kind: 'namespace'; readonly name: string }
  | { readonly kind: 'machine'; readonly pid: string; readonly folder: string; readonly cgroup: string };

/**
 * A process that removes what this one has left when it ends, however it ends: Ctrl-C and SIGKILL give a test no time for
 * that. Disposed of in order, after all else, it finds nothing.
 */
export interface Heir extends AsyncDisposable {
  /** Names a possession, as soon as it is made. */
  note(possession: Possession): Promise<void>;
}

export function startHeir(): Heir {
  // Of a process group of its own, which Ctrl-C does not reach.
  const options = {
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'inherit',
    detached: true,
    cleanup: false,
  } as const;
  const process = execa(globalThis.process.execPath, [join(import.meta.dirname, 'heir-process.ts')], options);
  return {
    async note(possession) {
      if (!process.stdin.write(`${JSON.stringify(possession)}\n`)) await once(process.stdin, 'drain');
    },
    async [Symbol.asyncDispose]() {
      process.stdin.end();
      await process;
    },
  };
}
