import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { supportedVersions } from '../../cmd/cni/version.ts';
import { call, debianPlugins, executable, failed, type Invocation, succeeded } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';

const reference = join(debianPlugins, 'loopback');

/** The executable under its other name, as `dualstack install` links it. */
async function ours(lab: Lab): Promise<string> {
  const path = join(lab.folder, 'loopback');
  await symlink(executable, path);
  return path;
}

function config(cniVersion: string, more: object = {}): object {
  return { cniVersion, name: 'cni-loopback', type: 'loopback', ...more };
}

function isUp(pod: Namespace): Promise<boolean> {
  return pod.run('ip', 'link', 'show', 'dev', 'lo').then((text) => text.includes(',UP'));
}

const interfaces = [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: '<pod>' }];
const addresses = ['127.0.0.1/8', '::1/128'];

function ips(more: readonly object[] = [{}, {}]): object {
  return {
    interfaces,
    ips: addresses.map((address, index) => ({ ...more[index], address, interface: 0 })),
    routes: [],
  };
}

const legacy = { ip4: { ip: '127.0.0.1/8', routes: [] }, ip6: { ip: '::1/128', routes: [] } };
const withDigits = ips([{ version: '4' }, { version: '6' }]);

/** As each version of the specification writes it. The reference plugin writes 1.0.0's form at every older one, too. */
const forms: Readonly<Record<string, object>> = {
  '0.1.0': legacy,
  '0.2.0': legacy,
  '0.3.0': withDigits,
  '0.3.1': withDigits,
  '0.4.0': withDigits,
  '1.0.0': ips(),
  '1.1.0': ips(),
};

for (const version of supportedVersions) {
  test.serial(`loopback: ADD and DEL with CNI ${version}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const how: Invocation = { executable: await ours(lab), netns: pod.path, ifname: 'lo' };
    const result = succeeded(await call(node, 'ADD', config(version), how));
    const written = JSON.parse(JSON.stringify(result).replaceAll(pod.path, '<pod>'));
    t.deepEqual(written, { cniVersion: version, ...forms[version], dns: {} });
    t.true(await isUp(pod));
    t.deepEqual(await call(node, 'DEL', config(version), how), { status: 0, stdout: '', stderr: '' });
    t.false(await isUp(pod));
  });
}

test.serial('loopback says of a pod what the reference plugin says', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const results = [];
  for (const program of [await ours(lab), reference]) {
    const pod = await lab.pod();
    const how: Invocation = { executable: program, netns: pod.path, ifname: 'lo' };
    const result = succeeded(await call(node, 'ADD', config('1.0.0'), how));
    results.push({
      ...result,
      routes: result.routes ?? [],
      interfaces: result.interfaces.map(({ name, mac }) => ({ name, mac })),
    });
  }
  t.deepEqual(results[0], results[1]);
});

test.serial('loopback has the verbs of CNI 1.1.0, and both addresses in its result', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const how: Invocation = { executable: await ours(lab), netns: pod.path, ifname: 'lo' };
  const silent = { status: 0, stdout: '', stderr: '' };
  const prevResult = succeeded(await call(node, 'ADD', config('1.1.0'), how));
  t.deepEqual(
    prevResult.ips.map(({ address }) => address),
    ['127.0.0.1/8', '::1/128'],
  );
  t.deepEqual(await call(node, 'CHECK', config('1.1.0', { prevResult }), how), silent);
  for (const verb of ['STATUS', 'GC'] as const)
    t.deepEqual(await call(node, verb, config('1.1.0'), { executable: how.executable ?? '' }), silent);
  await pod.run('ip', 'link', 'set', 'lo', 'down');
  t.is(failed(await call(node, 'CHECK', config('1.1.0', { prevResult }), how)).msg, 'lo is down');
  t.regex((await call(node, 'VERSION', '', how)).stdout, /"1\.1\.0"/);
});

test.serial('loopback passes on what plugins before it made', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const ips = [{ address: '10.9.0.5/24', interface: 0 }];
  const prevResult = { cniVersion: '1.0.0', interfaces: [{ name: 'eth0', sandbox: pod.path }], ips };
  const how: Invocation = { executable: await ours(lab), netns: pod.path };
  const result = succeeded(await call(node, 'ADD', config('1.0.0', { prevResult }), how));
  t.deepEqual(result.ips as unknown, ips);
  t.true(await isUp(pod));
});

test.serial("loopback never touches the host's own lo, and DEL needs no namespace", async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await node.run('ip', 'link', 'set', 'lo', 'up');
  const path = await ours(lab);
  const own: Invocation = { executable: path, netns: '/proc/self/ns/net', ifname: 'lo' };
  t.is(failed(await call(node, 'ADD', config('1.0.0'), own)).code, 8);
  for (const netns of ['/proc/self/ns/net', '/run/netns/is-gone', ''])
    t.is((await call(node, 'DEL', config('1.0.0'), { ...own, netns })).status, 0);
  t.true(await isUp(node));
});

test.serial('loopback says what it cannot do', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const executable = await ours(lab);
  const gone = await call(node, 'ADD', config('1.0.0'), { executable, netns: '/run/netns/is-gone' });
  t.is(failed(gone).code, 4);
  await pod.run('ip', 'address', 'add', '10.9.0.5/32', 'dev', 'lo');
  const foreign = failed(await call(node, 'ADD', config('1.0.0'), { executable, netns: pod.path }));
  t.is(foreign.msg, 'lo has 10.9.0.5, which is not a loopback address');
  const env = { PATH: lab.folder };
  t.regex(
    failed(await call(node, 'STATUS', config('1.1.0'), { executable, env })).msg,
    /missing commands: ip/,
  );
});
