/**
 * Builds the product for the machine's own architecture, and with --release the archives of all architectures:
 *
 *   dist/dualstack.cjs   the program bundled into one file, for hosts that have Node.js
 *   dist/dualstack-main  the same as one self-contained executable, for hosts that have not
 *   dist/dualstack       what starts that one, and is called by runtimes and people (launcher/launcher.c)
 *   dist/dualstack.8     its manual page
 *   dist/release/        an archive for each architecture, and SHA256SUMS
 *
 * The self-contained executable is Node.js's single-executable form (https://nodejs.org/api/single-executable-applications.html)
 * with a start-up snapshot (cmd/entry/snapshot.ts), on the Node.js that package.json pins. That is version 24 because the
 * binary of 26 needs libatomic.so.1, which minimal hosts lack.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { execaSync } from 'execa';
import { inject } from 'postject';
import { withoutCodeCache } from './build/code-cache.ts';
import { overridingOptions, shebang, v8Options } from './build/node-options.ts';
import { foreignTargets, native, pack, writeChecksums } from './build/release.ts';

const root = import.meta.dirname;
const dist = `${root}/dist`;
const work = `${dist}/.work`;
const release = `${dist}/release`;
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));

/** Where Node.js looks for the blob in its own executable, and the mark that says one is there. */
const blobSection = 'NODE_SEA_BLOB';
const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** @param entry one of the files of cmd/ that run something when they are loaded. */
async function bundle(entry, outfile) {
  await build({
    entryPoints: [`${root}/cmd/entry/${entry}`],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    define: { 'process.env.DUALSTACK_VERSION': JSON.stringify(version) },
    banner: entry === 'script.ts' ? { js: shebang } : {},
  });
}

/** @param target of build/release.ts. @throws when what was made does not start. */
async function makeExecutable(path, { node, emulator }) {
  const [run, ...runArgs] = [...emulator, node];
  const [main, config, blob] = ['main.cjs', 'sea.json', 'blob'].map((name) => `${work}/${name}`);
  await bundle('snapshot.ts', main);
  const execArgv = [...v8Options, ...overridingOptions];
  const fixed = { disableExperimentalSEAWarning: true, useSnapshot: true, execArgvExtension: 'none' };
  writeFileSync(config, JSON.stringify({ ...fixed, main, output: blob, execArgv }));
  execaSync(run, [...runArgs, ...v8Options, '--no-warnings', '--experimental-sea-config', config]);
  copyFileSync(node, path);
  chmodSync(path, 0o755);
  await inject(path, blobSection, withoutCodeCache(readFileSync(blob), console.warn), { sentinelFuse });
  const [start, ...startArgs] = [...emulator, path];
  execaSync(start, startArgs, { env: { CNI_COMMAND: 'VERSION' }, input: '' });
}

/** Static, with musl where the target's compiler has it: it starts anywhere, and reads no variable by itself. */
function makeLauncher(path, { compiler }) {
  const options = [
    '-static',
    '-Os',
    '-s',
    '-fstack-protector-strong',
    '-Wall',
    '-Wextra',
    '-Wconversion',
    '-Werror',
  ];
  execaSync(compiler, [...options, '-o', path, `${root}/launcher/launcher.c`]);
}

function packFor({ name }, folder) {
  const programs = [`${folder}/dualstack`, `${folder}/dualstack-main`];
  pack(release, `dualstack-${version}-linux-${name}`, [
    ...programs,
    `${dist}/dualstack.8`,
    `${root}/LICENSE`,
  ]);
}

async function makeRelease() {
  rmSync(release, { recursive: true, force: true });
  packFor(native, dist);
  for (const target of foreignTargets(root, work)) {
    await makeExecutable(`${work}/dualstack-main`, target);
    makeLauncher(`${work}/dualstack`, target);
    packFor(target, work);
  }
  writeChecksums(release);
}

mkdirSync(work, { recursive: true });
await bundle('script.ts', `${work}/dualstack.cjs`);
await makeExecutable(`${work}/dualstack-main`, native);
makeLauncher(`${work}/dualstack`, native);
for (const name of ['dualstack.cjs', 'dualstack-main', 'dualstack']) {
  chmodSync(`${work}/${name}`, 0o755);
  renameSync(`${work}/${name}`, `${dist}/${name}`);
}
writeFileSync(`${dist}/dualstack.8`, `${execaSync(`${dist}/dualstack`, ['man']).stdout}\n`);
if (process.argv.includes('--release')) await makeRelease();
rmSync(work, { recursive: true });
console.log('dist/dualstack, dist/dualstack-main, dist/dualstack.cjs: built');
