/**
 * Runs the suites that have to do with nftables with the nft of each release that the plugin supports: with its words,
 * its libraries and its faults. The plugin and the tests find it first on their PATH. The machine's own nft had its turn
 * in the end-to-end tests.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import { nftFolder } from '../lab/nft-folder.ts';
import { bringNftVersions } from '../lab/nft-versions.ts';

const root = join(import.meta.dirname, '../..');
const suites = ['repair', 'flushed', 'noticed', 'rules', 'hostports', 'gc', 'nameless'];
const files = suites.map((name) => `test/e2e/${name}.test.ts`);

/** `1.1.3`, of `nftables v1.1.3 (Commodore Bullmoose #4)`. */
async function versionOf(nft: string): Promise<string> {
  const { stdout } = await execa(nft, ['--version']);
  const [, version] = /v(\d+(?:\.\d+)+)/.exec(stdout) ?? [];
  if (!version) throw new Error(`${nft} --version says ${stdout}`);
  return version;
}

/** @returns a line for the summary, and whether all is well. */
async function runWith(release: string): Promise<[string, boolean]> {
  const version = await versionOf(join(nftFolder(release), 'nft'));
  if (version === (await versionOf('nft')))
    return [`${release} (${version}): the machine's own, which the end-to-end tests ran with`, true];
  console.log(`With the nft of ${release} (${version})`);
  const start = performance.now();
  const ava = [join(root, 'node_modules/ava/entrypoints/cli.js'), '--config', 'test/e2e/ava.config.mjs'];
  const { exitCode } = await execa(process.execPath, [...ava, ...files], {
    cwd: root,
    env: { DUALSTACK_NFT: release },
    stdio: 'inherit',
    reject: false,
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  const outcome = exitCode === 0 ? 'passed' : 'FAILED';
  return [`${release} (${version}): ${suites.join(', ')} ${outcome} in ${seconds} s`, exitCode === 0];
}

const { supported } = await bringNftVersions();
const outcomes: [string, boolean][] = [];
for (const release of supported) outcomes.push(await runWith(release));
console.log(['nft of', ...outcomes.map(([line]) => `  ${line}`)].join('\n'));
if (!outcomes.every(([, isWell]) => isWell)) process.exitCode = 1;
