import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa, type Options } from 'execa';

const root = join(import.meta.dirname, '../..');

/** What is built, with its own times. */
const built = join(root, 'dist/dualstack');

/** Times of the launcher, in milliseconds, in the place of its own. */
export interface Times {
  /** Of a whole call. */
  readonly deadline: number;
  /** How long a call waits for its turn. */
  readonly patience: number;
  /** How long it has it. */
  readonly turn: number;
}

/** Builds a launcher that differs from the one of the release in its times alone. */
async function build(target: string, { deadline, patience, turn }: Times): Promise<void> {
  const times = [`-DCALL_DEADLINE=${deadline}L`, `-DPATIENCE=${patience}L`, `-DTURN=${turn}L`];
  await execa('musl-gcc', ['-static', '-Os', ...times, '-o', target, join(root, 'launcher/launcher.c')]);
}

/**
 * Puts a launcher into a folder, and in the place of the program that it starts a shell script, or whatever `program` writes.
 *
 * @returns the launcher's path.
 */
export async function installLauncher(
  folder: string,
  program: string | ((path: string) => Promise<unknown>) | undefined,
  times?: Times,
): Promise<string> {
  const launcher = join(folder, 'dualstack');
  const path = `${launcher}-main`;
  await mkdir(folder, { recursive: true });
  await (times ? build(launcher, times) : copyFile(built, launcher));
  await rm(path, { force: true });
  if (typeof program === 'string') {
    await writeFile(path, `#!/bin/sh\n${program}\n`);
    await chmod(path, 0o755);
  } else await program?.(path);
  return launcher;
}

/** What a runtime's call has in its environment at least. */
export const callVariables = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', CNI_COMMAND: 'ADD' };

/** Starts a launcher as a runtime does, with nothing else in its environment. */
export function launch(words: readonly string[], options: Options = {}) {
  const [command = '', ...args] = words;
  return execa(command, args, {
    env: callVariables,
    extendEnv: false,
    reject: false,
    input: 'input',
    ...options,
  });
}
