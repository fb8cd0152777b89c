/**
 * The way into every npm script: `node test/run.mjs TASK [ARGUMENTS]`.
 *
 * It brings a fresh Debian or Ubuntu machine to where the task can run (Debian packages, npm packages, build),
 * then goes on under the Node.js that package.json pins. The machine's own Node.js runs this file, and may be
 * as old as 14: hence no library and no newer syntax here.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Debian's package for each command that a task may need. One that is on no PATH has its whole path here. */
const packageOf = JSON.parse(readFileSync(join(root, 'test/debian-packages.json'), 'utf8'));

const network = ['ip', 'nft', 'conntrack', 'nsenter', 'ping'];
const runtime = ['containerd', 'ctr', 'runc', 'busybox', '/usr/lib/cni/loopback'];

/** What builds for the architecture that this machine is not. */
const foreign = process.arch === 'arm64' ? 'x86_64' : 'aarch64';
const crossBuild = [
  'gcc',
  'musl-gcc',
  `${foreign}-linux-gnu-gcc`,
  `/usr/${foreign}-linux-gnu/lib/libc.a`,
  `qemu-${foreign}`,
  `/usr/${foreign}-linux-gnu/lib/libstdc++.so.6`,
];

/** What each task needs, and the commands that it is. `root`: it makes network namespaces. */
const tasks = {
  bench: {
    commands: network.concat(['iptables', 'iperf3', '/usr/bin/time', '/usr/lib/cni/bridge']),
    root: true,
    build: true,
    steps: [['test/bench/main.ts']],
  },
  build: { commands: [], root: false, build: true, steps: [] },
  release: { commands: crossBuild, root: false, build: false, steps: [['build.mjs', '--release']] },
  demo: { commands: network, root: true, build: true, steps: [['test/demo/main.ts']] },
  test: {
    commands: network.concat(runtime, [
      'sysctl',
      'strace',
      'debootstrap',
      'radvd',
      'scapy3',
      'tc',
      'iperf3',
      'iptables',
      'script',
      'groff',
      'zsh',
      'fish',
    ]),
    root: true,
    build: true,
    steps: [
      ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'],
      ['node_modules/typescript/bin/tsc', '--noEmit'],
      ['node_modules/ava/entrypoints/cli.js'],
      ['node_modules/ava/entrypoints/cli.js', '--config', 'test/e2e/ava.config.mjs'],
      ['test/matrix/main.ts'],
    ],
  },
  'test:cluster': {
    commands: network.concat(runtime, ['sysctl', 'debootstrap', 'etcd', 'curl', 'iptables']),
    root: true,
    build: true,
    steps: [
      ['test/cluster/tools/build.ts'],
      ['node_modules/ava/entrypoints/cli.js', '--config', 'test/cluster/ava.config.mjs'],
    ],
  },
  'test:faults': {
    commands: network.concat(['strace']),
    root: true,
    build: true,
    steps: [['node_modules/ava/entrypoints/cli.js', '--config', 'test/faults/ava.config.mjs']],
  },
  'test:reference': {
    commands: network,
    root: true,
    build: true,
    steps: [['node_modules/ava/entrypoints/cli.js', '--config', 'test/reference/ava.config.mjs']],
  },
  'test:runtimes': {
    commands: network.concat(runtime, ['debootstrap', 'tc']),
    root: true,
    build: true,
    steps: [
      ['test/runtimes/tools/build.ts'],
      ['node_modules/ava/entrypoints/cli.js', '--config', 'test/runtimes/ava.config.mjs'],
    ],
  },
};

function fail(message) {
  console.error(message);
  process.exit(1);
}

function run(command, args, options) {
  const result = spawnSync(command, args, Object.assign({ cwd: root, stdio: 'inherit' }, options));
  if (result.error) fail(`${command}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status || 1);
}

/** What it has to say is only worth reading when it failed. */
function runQuietly(command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (result.error) fail(`${command}: ${result.error.message}`);
  if (result.status !== 0) fail(`${result.stdout}${result.stderr}`);
}

/** Only the system's own folders count: node_modules/.bin, first on npm's PATH, holds an unrelated `nft`. */
const systemPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

function isInstalled(command) {
  return systemPath.some((folder) => {
    try {
      accessSync(resolve(folder, command), constants.X_OK);
      return true;
    } catch (_) {
      return false;
    }
  });
}

function installDebianPackages(commands) {
  const missing = commands.filter((command) => !isInstalled(command));
  if (missing.length === 0) return;
  const packages = Array.from(new Set(missing.map((command) => packageOf[command])));
  if (!isInstalled('apt-get')) {
    fail(
      `Missing commands: ${missing.join(', ')}. On Debian they are in ${packages.join(', ')}; install them by hand here.`,
    );
  }
  console.log(`Installing from Debian: ${packages.join(' ')}`);
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: Object.assign({}, process.env, { DEBIAN_FRONTEND: 'noninteractive' }),
  };
  run('apt-get', ['update', '-qq'], options);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends'].concat(packages), options);
}

/**
 * Not by way of node_modules/.bin: npm 9 takes `node` out of there again when it drops the package of the other
 * architecture, which has a `node` too.
 */
function pinnedNode() {
  return join(root, `node_modules/node-linux-${process.arch}/bin/node`);
}

/** The lock file's digest is kept beside what was installed from it: the same again is not installed again. */
function installNpmPackages() {
  const stamp = join(root, 'node_modules/.installed-from');
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const done = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
  if (done && existsSync(pinnedNode())) return;
  console.log('Installing npm packages');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  if (!existsSync(pinnedNode()))
    fail(`No pinned Node.js for this architecture (${process.arch}): x64 and arm64 have one.`);
  writeFileSync(stamp, digest);
}

function newestIn(path) {
  if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
  return Math.max.apply(
    null,
    [statSync(path).mtimeMs].concat(readdirSync(path).map((name) => newestIn(join(path, name)))),
  );
}

function buildIfOlder() {
  const sources = ['build', 'cmd', 'conf', 'ipam', 'launcher', 'netns', 'build.mjs', 'package-lock.json'];
  const built = join(root, 'dist/dualstack');
  if (
    existsSync(built) &&
    statSync(built).mtimeMs >
      Math.max.apply(
        null,
        sources.map((name) => newestIn(join(root, name))),
      )
  )
    return;
  console.log('Building dist/dualstack');
  runQuietly(pinnedNode(), ['build.mjs']);
}

// What we started gets Ctrl-C as well, and may have something to put away: we end when it has.
process.on('SIGINT', () => {});

const name = process.argv[2];
const task = tasks[name];
if (!task) fail(`No task '${name}'. There are: ${Object.keys(tasks).join(', ')}.`);
if (process.platform !== 'linux') fail('dualstack is for Linux: network namespaces are what it is about.');
if (task.root && process.getuid() !== 0)
  fail(`npm run ${name} makes network namespaces, so it needs root. Try: sudo npm run ${name}`);
installDebianPackages(task.build ? task.commands.concat('gcc', 'musl-gcc') : task.commands);
installNpmPackages();
if (task.build) buildIfOlder();
const inherited = (process.env.PATH || '').split(':').filter((folder) => !folder.includes('node_modules'));
const path = [dirname(pinnedNode())].concat(systemPath, inherited).join(':');
const env = Object.assign({}, process.env, { PATH: path });
task.steps.forEach((step) => {
  run(pinnedNode(), step.concat(process.argv.slice(3)), { env });
});
