/**
 * V8's options, for the build and for every call: the code in the snapshot is valid under the same ones only. V8 promises
 * none of its options; the build fails when one is gone, for it starts what it made.
 *
 *   --no-rehash-snapshot  hash tables keep the order that they were built with, and hashes their seed: 3 ms less for
 *                         each call. Random seeds protect servers from clients that choose keys which collide; our input
 *                         comes from the container runtime.
 *   --no-sparkplug        a process of 20 ms does not earn back what compiling to machine code costs: 2 ms less
 */
export const v8Options = ['--no-rehash-snapshot', '--no-sparkplug'];

/**
 * Node.js's documented options that override variables of the runtime's environment: no variable may change what the
 * program does, or have it write files. The executable ignores NODE_OPTIONS by itself.
 *
 *   --openssl-config=/dev/null  instead of OPENSSL_CONF
 *   --no-use-env-proxy          instead of NODE_USE_ENV_PROXY
 */
export const overridingOptions = ['--openssl-config=/dev/null', '--no-use-env-proxy'];

const unset = [
  'OPENSSL_CONF',
  'NODE_OPTIONS',
  'NODE_V8_COVERAGE',
  'NODE_COMPILE_CACHE',
  'NODE_REDIRECT_WARNINGS',
  'NODE_EXTRA_CA_CERTS',
  'NODE_USE_ENV_PROXY',
];

/** The script's first line: `env` takes the same variables away. The kernel reads 255 bytes of it at most. */
export const shebang = `#!/usr/bin/env -S ${unset.map((name) => `-u ${name}`).join(' ')} node`;
