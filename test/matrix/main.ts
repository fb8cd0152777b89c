/**
 * Runs the suites that have to do with nftables once for each nft that the plugin supports, with its words, its
 * libraries and its faults. The plugin and the tests find it first on their PATH.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import { bringNftVersions } from '../lab/nft-versions.ts';

const root = join(import.meta.dirname, '../..');
const suites = ['repair', 'rules', 'hostports', 'gc', 'guard', 'egress'];
const files = suites.map((name) => `test/e2e/${name}.test.ts`);

async function runWith(suite: string): Promise<boolean> {
  console.log(`With the nft of ${suite}`);
  const ava = [join(root, 'node_modules/ava/entrypoints/cli.js'), '--config', 'test/e2e/ava.config.mjs'];
  const { exitCode } = await execa(process.execPath, [...ava, ...files], {
    cwd: root,
    env: { DUALSTACK_NFT: suite },
    stdio: 'inherit',
    reject: false,
  });
  return exitCode === 0;
}

const { supported } = await bringNftVersions();
const failed: string[] = [];
for (const suite of supported) if (!(await runWith(suite))) failed.push(suite);
if (failed.length > 0) {
  console.error(`Tests failed with the nft of ${failed.join(', ')}`);
  process.exitCode = 1;
}
