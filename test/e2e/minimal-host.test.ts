import { basename, dirname } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { type CniError, podIPs, type Result, released } from '../lab/cni.ts';
import { traces } from '../lab/install.ts';
import { type Machine, startMachine } from '../lab/machine.ts';
import { systemPath } from '../lab/namespaces.ts';
import { minimalRoot } from '../lab/root.ts';

/** All that a host needs, as the README says. */
const packages = ['iproute2', 'nftables'];

const plugin = '/opt/cni/bin/dualstack';

/** Of glibc and of the compiler, which are on every host that has apt: what Node.js itself needs, and no other. */
const libraries = [
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'libstdc++.so.6',
];

/** Makes a minimal host of the machine's network, process IDs and /run. @returns where its root is. */
async function enterMinimalHost(machine: Machine): Promise<string> {
  const root = '/run/minimal/root';
  const layers = `lowerdir=${await minimalRoot(packages)},upperdir=/run/minimal/upper,workdir=/run/minimal/work`;
  await machine.run('mkdir', ['-p', root, '/run/minimal/upper', '/run/minimal/work']);
  await machine.run('mount', ['-t', 'overlay', '-o', layers, 'overlay', root]);
  await machine.run('mount', ['-t', 'proc', 'proc', `${root}/proc`]);
  await machine.run('mount', ['-t', 'sysfs', 'sysfs', `${root}/sys`]);
  await machine.run('mount', ['--bind', '/run', `${root}/run`]);
  for (const path of released) {
    await machine.run('install', ['-D', path, `${root}${dirname(plugin)}/${basename(path)}`]);
  }
  return root;
}

const config = {
  cniVersion: '1.0.0',
  name: 'pods',
  type: 'dualstack',
  podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
};

/** Runs the plugin on the minimal host, with nothing but the runtime's variables. @throws what it answers. */
async function call(machine: Machine, root: string, verb: string, prevResult?: Result): Promise<string> {
  const [enter = '', ...target] = machine.entry;
  const env = {
    PATH: systemPath,
    CNI_COMMAND: verb,
    CNI_CONTAINERID: 'container-1',
    CNI_IFNAME: 'eth0',
    CNI_NETNS: '/run/netns/pod',
    CNI_PATH: '/opt/cni/bin',
  };
  const input = JSON.stringify({ ...config, prevResult });
  const options = { env, extendEnv: false, input, reject: false } as const;
  const { exitCode, stdout, stderr } = await execa(enter, [...target, 'chroot', root, plugin], options);
  if (exitCode === 0) return stdout;
  throw new Error(`${verb}: ${(JSON.parse(stdout || '{}') as Partial<CniError>).msg ?? stderr}`);
}

test.serial('the executable does its work on a minimal host, which has no Node.js', async (t) => {
  const machine = await startMachine();
  t.teardown(machine.stop);
  const root = await enterMinimalHost(machine);
  const onHost = (command: string, ...args: string[]) => machine.run('chroot', [root, command, ...args]);

  await t.throwsAsync(onHost('which', 'node'));
  const linked = (await onHost('ldd', `${plugin}-main`)).match(/^\t\S+ => \S+ /gm) ?? [];
  t.deepEqual(linked.map((line) => line.trim().split(' => ')[0]).sort(), libraries, 'what ldd finds');

  await onHost('ip', 'netns', 'add', 'pod');
  const result = JSON.parse(await call(machine, root, 'ADD')) as Result;
  t.deepEqual(podIPs(result), ['10.244.1.2', 'fd00:10:244:1::2']);
  for (const address of podIPs(result)) {
    await t.notThrowsAsync(machine.run('ping', ['-n', '-c', '1', '-W', '1', address]));
  }
  t.is(await call(machine, root, 'CHECK', result), '');
  t.is(await call(machine, root, 'DEL', result), '');
  await onHost('ip', 'netns', 'delete', 'pod');
  t.deepEqual(await traces(machine), []);
});
