import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/** A release of a distribution (os-release(5)): `debian`, and `bookworm`. */
export interface Release {
  readonly distribution: string;
  /** As its archive names it. */
  readonly suite: string;
}

/** The release that the machine runs. */
export async function machineRelease(): Promise<Release> {
  const text = await readFile('/etc/os-release', 'utf8');
  const [, suite] = /^VERSION_CODENAME="?([a-z0-9.-]+)"?$/m.exec(text) ?? [];
  const [, distribution = ''] = /^ID="?([a-z0-9.-]+)"?$/m.exec(text) ?? [];
  if (suite) return { distribution, suite };
  throw new Error('/etc/os-release has no VERSION_CODENAME: is this Debian or Ubuntu?');
}

/**
 * Where the machine itself gets the packages of a release from. One line for each of its sources, whether they were
 * read or not:
 *
 *     http://archive.example/debian/ bookworm bookworm main
 */
export async function mirrorOf(suite: string): Promise<string> {
  const format = '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)';
  const { stdout } = await execa('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const sources = stdout.split('\n').map((line) => line.split(' '));
  const [mirror = ''] =
    sources.find(
      ([uri = '', release, ...rest]) =>
        /^(https?|file):/.test(uri) && [release, rest[0]].includes(suite) && rest.at(-1) === 'main',
    ) ?? [];
  if (mirror) return mirror;
  throw new Error(`apt has no source for ${suite} main: see sources.list(5)`);
}
