import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExecaError, execa } from 'execa';

/** How Go is to build: its flags beside ours, and packages whose tests become a program, by that program's name. */
export interface HowToBuild {
  readonly flags?: readonly string[];
  readonly tests?: Readonly<Record<string, string>>;
}

/**
 * Builds all tools that the go.mod in `sources` names into `target`, unless they are there and of the same versions.
 * With `tests`, those programs instead. go.sum is complete, so no checksum database is asked, and no setting of the
 * machine's counts.
 *
 * @param names of the tools, for people, and how long it takes.
 * @throws {Error} without Go, and when they cannot be built.
 */
export async function buildGoTools(
  sources: string,
  target: string,
  names: string,
  { flags = [], tests = {} }: HowToBuild = {},
): Promise<void> {
  const versions = await digest(['go.mod', 'go.sum'].map((name) => join(sources, name)));
  const programs = Object.entries(tests);
  const stamp = join(target, ['.built-from', ...Object.keys(tests)].join('-'));
  if ((await readFile(stamp, 'utf8').catch(() => '')) === versions) return;
  console.log(`Building ${names}`);
  await mkdir(target, { recursive: true });
  const env = { GOBIN: target, GOFLAGS: ['-mod=readonly', ...flags].map((flag) => `'${flag}'`).join(' ') };
  if (programs.length === 0) await go(sources, env, 'install', 'tool');
  for (const [program, name] of programs)
    await go(sources, env, 'test', '-c', '-o', join(target, program), name);
  await writeFile(stamp, versions);
}

/** Runs the `go` command in a folder, whatever the machine's settings are. @returns what it printed. @throws {Error} without Go. */
export async function go(sources: string, more: Record<string, string>, ...args: string[]): Promise<string> {
  // Where Go's own installation instructions put it, which is on no machine's default PATH.
  const PATH = `${process.env['PATH']}:/usr/local/go/bin`;
  try {
    const env = { PATH, GOWORK: 'off', CGO_ENABLED: '0', ...more };
    return (await execa('go', args, { cwd: sources, env })).stdout;
  } catch (cause) {
    if (cause instanceof ExecaError && cause.code === 'ENOENT') {
      const message = 'is built with Go, and there is none here: install it from https://go.dev/dl.';
      throw new Error(`What is needed ${message}`, { cause });
    }
    throw cause;
  }
}

async function digest(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(await readFile(path));
  return hash.digest('hex');
}
