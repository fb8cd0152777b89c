import { createHash } from 'node:crypto';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExecaError, execa } from 'execa';

const sources = import.meta.dirname;
const target = join(sources, '../../../dist/tools');

/** The clients, by the last part of the package path that go.mod's `tool` lines give. */
export type Tool = 'cnitool' | 'crictl';

/** The path of a client, which must have been built. */
export async function toolPath(tool: Tool): Promise<string> {
  const path = join(target, tool);
  await access(path);
  return path;
}

/**
 * Builds all of go.mod's tools into dist/tools, unless they are there and of the same versions. go.sum is complete, so no
 * checksum database is asked, and no setting of the machine's counts.
 */
export async function buildTools(): Promise<void> {
  const versions = await digest(['go.mod', 'go.sum']);
  const stamp = join(target, '.built-from');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === versions) return;
  console.log('Building cnitool and crictl (once, a minute or two)');
  await mkdir(target, { recursive: true });
  await installTools();
  await writeFile(stamp, versions);
}

async function installTools(): Promise<void> {
  // Where Go's own installation instructions put it, which is on no machine's default PATH.
  const PATH = `${process.env['PATH']}:/usr/local/go/bin`;
  const env = { PATH, GOBIN: target, GOFLAGS: '-mod=readonly', GOWORK: 'off', CGO_ENABLED: '0' };
  try {
    await execa('go', ['install', 'tool'], { cwd: sources, env });
  } catch (cause) {
    if (cause instanceof ExecaError && cause.code === 'ENOENT') {
      throw new Error(
        'The clients are built with Go, and there is none here: install it from https://go.dev/dl.',
        {
          cause,
        },
      );
    }
    throw cause;
  }
}

async function digest(names: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names) hash.update(await readFile(join(sources, name)));
  return hash.digest('hex');
}
