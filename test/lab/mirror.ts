import { join } from 'node:path';
import { execa } from 'execa';
import { type Namespace, systemPath } from './namespaces.ts';

const scripts = join(import.meta.dirname, 'probes');

/** Tells every client, over TCP and UDP, which source it saw, until it is disposed of. */
export interface Mirror extends AsyncDisposable {
  readonly port: number;
}

/** @param port to listen on; any that is free when it is not said. */
export async function mirrorIn(namespace: Namespace, port = 0): Promise<Mirror> {
  const args = ['netns', 'exec', namespace.name, process.execPath, join(scripts, 'mirror.ts'), `${port}`];
  const child = execa('ip', args, { env: { PATH: systemPath }, stdin: 'pipe', reject: false });
  const actual = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(Number(line.toString())));
    child.then(({ stderr }) => reject(new Error(`the mirror ended: ${stderr}`)));
  });
  return {
    port: actual,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await child;
    },
  };
}

/**
 * Asks a mirror at several addresses.
 *
 * @returns the sources that it saw: over TCP at each address, then over UDP; null where it did not answer.
 */
export async function look(
  from: Namespace,
  addresses: readonly string[],
  port: number,
): Promise<(string | null)[]> {
  const answer = await from.run(process.execPath, join(scripts, 'look.ts'), `${port}`, ...addresses);
  return JSON.parse(answer) as (string | null)[];
}

/**
 * Asks over UDP, from one port of its own each time.
 *
 * @param question what a server that is no mirror is to be asked.
 * @returns the answer, which is the source that a mirror saw; empty without one.
 */
export function lookFromPort(
  from: Namespace,
  own: number,
  address: string,
  port: number,
  question = '?',
): Promise<string> {
  return from.run(process.execPath, join(scripts, 'from-port.ts'), `${own}`, address, `${port}`, question);
}

/** Over TCP, then over UDP: what `look` returns when both saw the same. */
export function both<T>(sources: readonly T[]): T[] {
  return [...sources, ...sources];
}
