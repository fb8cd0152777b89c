/**
 * Builds the product, for the machine's own architecture:
 *
 *   dist/dualstack.cjs  the program bundled into one file, for hosts that have Node.js
 *   dist/dualstack      the same as one self-contained executable, for hosts that have not
 *
 * The executable is Node.js's single-executable form (https://nodejs.org/api/single-executable-applications.html)
 * with a start-up snapshot (cmd/snapshot.ts), on the Node.js that package.json pins. That is version 24 because the
 * binary of 26 needs libatomic.so.1, which minimal hosts lack.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { execaSync } from 'execa';
import { inject } from 'postject';

const root = import.meta.dirname;
const dist = `${root}/dist`;
const version = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')).version;

/**
 * No variable of a runtime's environment may change what the program does, or have it write files. The executable
 * ignores NODE_OPTIONS, and has options that stand over the others; of the script, env takes them away (-S takes
 * the shebang apart, which has 255 bytes at most).
 */
const deafOptions = ['--openssl-config=/dev/null', '--no-use-env-proxy'];
const unset = [
  'OPTIONS',
  'V8_COVERAGE',
  'COMPILE_CACHE',
  'REDIRECT_WARNINGS',
  'EXTRA_CA_CERTS',
  'USE_ENV_PROXY',
];
const shebang = `#!/usr/bin/env -S -u OPENSSL_CONF ${unset.map((name) => `-u NODE_${name}`).join(' ')} node\n`;

/** Where Node.js looks for the blob in its own executable, and the mark that says one is there. */
const blobSection = 'NODE_SEA_BLOB';
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** @param entry one of the files of cmd/ that run something when they are loaded. */
async function bundle(entry) {
  const result = await build({
    entryPoints: [`${root}/cmd/${entry}`],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    define: { 'process.env.DUALSTACK_VERSION': JSON.stringify(version) },
    write: false,
  });
  return result.outputFiles[0].text;
}

async function writeScript() {
  writeFileSync(`${dist}/dualstack.cjs`, shebang + (await bundle('script.ts')), { mode: 0o755 });
}

/**
 * V8's options, for the build and for every call: the code in the snapshot is valid under the same ones only.
 *
 *   --no-rehash-snapshot  hash tables keep the order that they were built with, and hashes their seed: 3 ms less for
 *                         each call. Random seeds are for servers, against clients that choose keys which collide;
 *                         our input comes from the container runtime.
 *   --no-sparkplug        a process of 20 ms does not earn back what compiling to machine code costs: 2 ms less
 */
const execArgv = ['--no-rehash-snapshot', '--no-sparkplug'];

async function writeExecutable() {
  const work = `${dist}/.work`;
  mkdirSync(work, { recursive: true });
  const [main, config, blob, binary] = ['main.cjs', 'sea.json', 'blob', 'dualstack'].map(
    (name) => `${work}/${name}`,
  );
  writeFileSync(main, await bundle('snapshot.ts'));
  writeFileSync(
    config,
    JSON.stringify({
      main,
      output: blob,
      disableExperimentalSEAWarning: true,
      useSnapshot: true,
      execArgv: [...execArgv, ...deafOptions],
      execArgvExtension: 'none',
    }),
  );
  execaSync(process.execPath, [...execArgv, '--no-warnings', '--experimental-sea-config', config]);
  copyFileSync(process.execPath, binary);
  chmodSync(binary, 0o755);
  await inject(binary, blobSection, readFileSync(blob), { sentinelFuse: fuse });
  renameSync(binary, `${dist}/dualstack`);
  rmSync(work, { recursive: true });
}

mkdirSync(dist, { recursive: true });
await writeScript();
await writeExecutable();
console.log('dist/dualstack, dist/dualstack.cjs: built');
