/**
 * Builds the product, for the machine's own architecture:
 *
 *   dist/dualstack.cjs  the program bundled into one file, for hosts that have Node.js
 *   dist/dualstack      the same as one self-contained executable, for hosts that have not
 *
 * The executable is Node.js's single-executable form (https://nodejs.org/api/single-executable-applications.html)
 * with a start-up snapshot (cmd/entry/snapshot.ts), on the Node.js that package.json pins. That is version 24 because the
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
  writeFileSync(`${dist}/dualstack.cjs`, shebang + (await bundle('entry/script.ts')), { mode: 0o755 });
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

/** The length that Node.js writes before a text or a list: 64 bits, and none is near 32. */
function lengthAt(bytes, offset) {
  const isLength = offset + 8 <= bytes.length && bytes.readUInt32LE(offset + 4) === 0;
  return isLength ? bytes.readUInt32LE(offset) : Number.NaN;
}

function withLength(length, bytes) {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(length);
  return [prefix, bytes];
}

/** Where a list ends that begins at the offset and is one of compiled code: pairs of a module's name and its code. */
function endOfCodeCache(snapshot, offset) {
  const count = lengthAt(snapshot, offset);
  if (!(count > 0 && count < 1000)) return Number.NaN;
  let end = offset + 8;
  for (let entry = 0; entry < count; entry++) {
    const name = snapshot.subarray(end + 8, end + 8 + Math.min(lengthAt(snapshot, end), 100));
    if (!/^[a-z0-9_/-]+$/i.test(name.toString('latin1'))) return Number.NaN;
    end += 8 + name.length;
    end += 8 + lengthAt(snapshot, end);
  }
  return end;
}

/**
 * Takes the compiled code of Node.js's own modules out of a single-executable blob. It is the last thing in the
 * snapshot, more than half of it, and each call would copy it, only to find that what it needs is in the snapshot's
 * heap already: 4 ms less for each call. Node.js (SnapshotConfig) leaves it out only together with all other
 * compiled code, which costs three times as much as it saves.
 *
 * The blob, as Node.js writes it (src/node_sea.cc, SeaSerializer): 4 bytes each of magic number and flags, one of
 * execArgvExtension, then texts with their lengths before them: the path of the code, the snapshot, and the options.
 */
function withoutCodeCache(blob) {
  const start = 9 + 8 + lengthAt(blob, 9);
  const end = start + 8 + lengthAt(blob, start);
  const snapshot = blob.subarray(start + 8, end);
  let offset = 0;
  while (offset < snapshot.length && endOfCodeCache(snapshot, offset) !== snapshot.length) offset++;
  if (offset === snapshot.length) throw new Error('no code cache in the snapshot: Node.js has changed');
  const kept = Buffer.concat([snapshot.subarray(0, offset), ...withLength(0, Buffer.alloc(0))]);
  return Buffer.concat([blob.subarray(0, start), ...withLength(kept.length, kept), blob.subarray(end)]);
}

async function writeExecutable() {
  const work = `${dist}/.work`;
  mkdirSync(work, { recursive: true });
  const [main, config, blob, binary] = ['main.cjs', 'sea.json', 'blob', 'dualstack'].map(
    (name) => `${work}/${name}`,
  );
  writeFileSync(main, await bundle('entry/snapshot.ts'));
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
  await inject(binary, blobSection, withoutCodeCache(readFileSync(blob)), { sentinelFuse: fuse });
  execaSync(binary, { env: { CNI_COMMAND: 'VERSION' }, input: '' });
  renameSync(binary, `${dist}/dualstack`);
  rmSync(work, { recursive: true });
}

mkdirSync(dist, { recursive: true });
await writeScript();
await writeExecutable();
console.log('dist/dualstack, dist/dualstack.cjs: built');
