import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed, podIPs, succeeded } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { addPod, configuration, dataDirOf } from '../lab/pods.ts';
import { filesUnder, kernelState, storeTraces } from '../lab/traces.ts';

/** What Node.js, or a library in it, reads of an environment: values that would break it or leave files in a folder. */
const variables: [string, (folder: string) => string][] = [
  ['NODE_OPTIONS', () => '--require=/nowhere.js'],
  ['NODE_V8_COVERAGE', (folder) => folder],
  ['NODE_COMPILE_CACHE', (folder) => folder],
  ['NODE_REDIRECT_WARNINGS', (folder) => join(folder, 'warnings')],
  ['NODE_EXTRA_CA_CERTS', () => '/nowhere.pem'],
  ['NODE_DEBUG', () => 'fs,child_process'],
  ['NODE_PENDING_DEPRECATION', () => '1'],
  ['NODE_TLS_REJECT_UNAUTHORIZED', () => '0'],
  ['NODE_ICU_DATA', () => '/nowhere'],
  ['OPENSSL_CONF', (folder) => join(folder, '../garbage')],
  ['SSLKEYLOGFILE', (folder) => join(folder, 'keys')],
  ['SSL_CERT_FILE', () => '/nowhere'],
  ['UV_THREADPOOL_SIZE', () => '0'],
  ['LC_ALL', () => 'l'.repeat(5000)],
  ['LC_MESSAGES', () => 'l'.repeat(12)],
  ['LANG', () => 'l'.repeat(12)],
  ['NODE_CHANNEL_FD', () => '1'],
  ['NODE_UNIQUE_ID', () => '1'],
  ['NODE_REPL_EXTERNAL_MODULE', () => '/nowhere.js'],
  ['NODE_DEBUG_NATIVE', () => 'all'],
  ['NODE_USE_SYSTEM_CA', () => '1'],
  ['NODE_PATH', () => '/nowhere'],
  ['NODE_PRESERVE_SYMLINKS_MAIN', () => '1'],
  ['ICU_TIMEZONE_FILES_DIR', () => '/nowhere'],
  ['SIMDUTF_FORCE_IMPLEMENTATION', () => 'nowhere'],
  ['OPENSSL_ia32cap', () => '0'],
  ['LD_PRELOAD', () => '/nowhere.so'],
  ['LD_DEBUG', () => 'all'],
  ['GLIBC_TUNABLES', () => 'glibc.malloc.check=3'],
];

for (const [name, value] of variables) {
  test.serial(`${name} in the runtime’s environment changes nothing`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const folder = join(lab.folder, 'files');
    await mkdir(folder);
    await writeFile(join(lab.folder, 'garbage'), 'no configuration\n');
    const env = { [name]: value(folder) };
    const added = await call(node, 'ADD', configuration(lab), { netns: pod.path, env });
    t.deepEqual(podIPs(succeeded(added)), ['10.244.1.2', 'fd00:10:244:1::2']);
    t.is((await call(node, 'DEL', configuration(lab), { netns: pod.path, env })).status, 0);
    t.deepEqual(await filesUnder(folder), []);
  });
}

test.serial('proxies of the runtime’s environment are not for us', async (t) => {
  await using lab = await openLab();
  const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'no proxy', HTTPS_PROXY: 'no proxy' };
  t.is((await call(await lab.node(), 'VERSION', '', { env })).status, 0);
});

test.serial('a runtime without PATH has its commands found where they usually are', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const env = { PATH: undefined };
  t.is((await call(node, 'STATUS', configuration(lab, { cniVersion: '1.1.0' }), { env })).status, 0);
  const { path } = await lab.pod();
  for (const verb of ['ADD', 'DEL'] as const) {
    t.is((await call(node, verb, configuration(lab), { netns: path, env })).status, 0);
  }
});

test.serial('an input larger than any configuration is refused', async (t) => {
  await using lab = await openLab();
  const input = JSON.stringify({ ...configuration(lab), dns: { domain: 'x'.repeat(5 * 1024 * 1024) } });
  const { path } = await lab.pod();
  const error = failed(await call(await lab.node(), 'ADD', input, { netns: path }));
  t.is(error.code, 6);
  t.regex(error.msg, /standard input is larger than 4194304 bytes/);
});

for (const ifname of ['-a', '$(id)', '`id`', ';id', '*', '-batch']) {
  test.serial(`an interface name is a name and nothing else: ${ifname}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const before = [await kernelState(node), await kernelState(pod)];
    succeeded(await call(node, 'ADD', configuration(lab), { netns: pod.path, ifname }));
    t.deepEqual(await pod.links(), [ifname]);
    t.is((await call(node, 'DEL', configuration(lab), { netns: pod.path, ifname })).status, 0);
    t.deepEqual([await kernelState(node), await kernelState(pod)], before);
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  });
}

test.serial(
  'what symbolic links in the store point to is neither read as a lease, nor written, nor removed',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const network = join(dataDirOf(lab), 'pods');
    const outside = join(lab.folder, 'outside');
    await mkdir(network, { recursive: true });
    await mkdir(outside);
    await writeFile(join(outside, 'file'), '# precious');
    const small = { podCIDRs: ['10.244.1.0/30', 'fd00:10:244:1::/64'] };
    await symlink(join(outside, 'file'), join(network, '10.244.1.2'));
    await symlink(outside, join(network, 'fd00:10:244:1::2'));
    await symlink(join(outside, 'file'), join(network, 'last_reserved_ip.0'));
    const { config } = await addPod(lab, node, small);
    t.is((await call(node, 'DEL', config)).status, 0);
    const list = { ...configuration(lab, small), cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
    t.is((await call(node, 'GC', list)).status, 0);
    t.is(await readFile(join(outside, 'file'), 'utf8'), '# precious');
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  },
);

test.serial('leases of another user’s making do not lead out of the store', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const network = join(dataDirOf(lab), 'pods');
  await mkdir(network, { recursive: true });
  await writeFile(join(lab.folder, 'file'), '# precious');
  await writeFile(join(network, '10.244.1.9'), '../../file\r\n../../file');
  await addPod(lab, node);
  const list = { ...configuration(lab), cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
  t.is((await call(node, 'GC', list)).status, 0);
  t.is(await readFile(join(lab.folder, 'file'), 'utf8'), '# precious');
});
