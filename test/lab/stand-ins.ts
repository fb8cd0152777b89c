import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemPath } from './namespaces.ts';
import { type Point, straceArgs } from './strace.ts';

/** One start of a command by the plugin: its name, and the how-manieth of that name it is. */
export interface Start {
  readonly command: string;
  readonly nth: number;
}

/** What a command does instead of its work. `kill` takes the plugin along when `with` says so. */
export type Misdeed =
  | { readonly kind: 'fail' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'kill'; readonly point: Point; readonly with: 'alone' | 'plugin' };

/** What is said on standard error by a command that fails on purpose. */
export const complaint = 'this command fails on purpose';

/**
 * Commands of the system as a plugin starts them, each behind a script that counts its starts and traces it, and has
 * one of them misbehave. Commands that those start themselves are the system's own.
 */
export class StandIns {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(folder: string, commands: readonly string[]): Promise<StandIns> {
    const standIns = new StandIns(folder);
    await mkdir(join(folder, 'bin'), { recursive: true });
    for (const command of commands) await standIns.#write(command);
    await standIns.reset();
    return standIns;
  }

  /** For PATH: the scripts come first. */
  get path(): string {
    return `${join(this.#folder, 'bin')}:${systemPath}`;
  }

  /** Forgets the starts so far, and has the given one misbehave from now on. */
  async reset(start?: Start, misdeed?: Misdeed): Promise<void> {
    await rm(join(this.#folder, 'starts'), { recursive: true, force: true });
    await mkdir(join(this.#folder, 'starts'));
    const planned = start && misdeed ? this.#plan(start, misdeed) : '';
    await writeFile(join(this.#folder, 'plan'), planned);
  }

  /** What was started, in no order. */
  async starts(): Promise<Start[]> {
    const names = (await readdir(join(this.#folder, 'starts'))).filter((name) => !name.endsWith('.trace'));
    return names.map((name) => ({
      command: name.slice(0, name.lastIndexOf('.')),
      nth: Number(name.slice(name.lastIndexOf('.') + 1)),
    }));
  }

  traceOf({ command, nth }: Start): string {
    return join(this.#folder, 'starts', `${command}.${nth}.trace`);
  }

  #plan(start: Start, misdeed: Misdeed): string {
    const words = misdeed.kind === 'kill' ? killWords(this.traceOf(start), misdeed) : [misdeed.kind];
    return `${[`${start.command}.${start.nth}`, ...words].join(' ')}\n`;
  }

  async #write(command: string): Promise<void> {
    const path = join(this.#folder, 'bin', command);
    await writeFile(path, script(this.#folder, command));
    await chmod(path, 0o755);
  }
}

function killWords(trace: string, misdeed: Misdeed & { kind: 'kill' }): string[] {
  return [`kill-${misdeed.with}`, ...straceArgs(trace, misdeed.point)];
}

/** In the shell's own words wherever it has some, for it is started often. `set -C`: two starts never get one number. */
function script(folder: string, command: string): string {
  return `#!/bin/sh
PATH=${systemPath}
nth=1
set -C
until (: > ${folder}/starts/${command}.$nth) 2> /dev/null; do nth=$((nth + 1)); done
set +C
read -r planned deed words < ${folder}/plan
[ "$planned" = ${command}.$nth ] || deed=trace
case $deed in
  fail) echo '${complaint}' >&2; exit 1 ;;
  hang) exec sleep 1000 ;;
  trace) exec strace ${straceArgs(`${folder}/starts/${command}.$nth.trace`).join(' ')} ${command} "$@" ;;
  kill-alone) exec strace $words ${command} "$@" ;;
  kill-plugin) strace $words ${command} "$@"; kill -9 $PPID ;;
esac
`;
}

/** A folder for PATH with these commands of the system and no others. */
export async function onlyCommands(folder: string, commands: readonly string[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const command of commands) {
    const { stdout } = await execa('which', [command], { env: { PATH: systemPath }, extendEnv: false });
    await symlink(stdout, join(folder, command));
  }
  return folder;
}
