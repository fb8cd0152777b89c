import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, type Config, configuration, dataDirOf } from '../lab/pods.ts';

function status(lab: Lab, node: Namespace, more: Config = {}, env: Record<string, string> = {}) {
  const config = configuration(lab, { cniVersion: '1.1.0', ...more });
  return call(node, 'STATUS', config, { containerID: '', ifname: '', env });
}

test.serial('STATUS of a node that is ready says nothing and changes nothing of the host', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  t.deepEqual(await status(lab, node), { status: 0, stdout: '', stderr: '' });
  t.is(await node.run('cat', '/proc/sys/net/ipv4/ip_forward'), '0');
});

const tiny = { podCIDRs: ['10.244.1.0/30', 'fd00:10:244:1::/64'] };

interface Case {
  readonly what: string;
  readonly config?: Config;
  readonly env?: (lab: Lab) => Record<string, string>;
  readonly prepare?: (lab: Lab, node: Namespace) => Promise<unknown>;
  /** 50 unless it is another. */
  readonly code?: number;
  readonly msg: RegExp;
}

const cases: Case[] = [
  { what: 'there is no podCIDR', config: { podCIDRs: [] }, msg: /podCIDRs must name a CIDR/ },
  { what: 'a key is mistyped', config: { mut: 1500 }, msg: /unknown key "mut": did you mean "mtu"/ },
  {
    what: 'a family is exhausted, and that is to make the node NotReady',
    config: { ...tiny, notReadyWhenFull: true },
    prepare: (lab, node) => addPod(lab, node, tiny),
    msg: /no address is left in 10\.244\.1\.0\/30 \(1 address\)/,
  },
  {
    what: 'the store cannot be written',
    prepare: (lab) => writeFile(dataDirOf(lab), ''),
    msg: /write the lease store/,
  },
  {
    what: 'a command is missing',
    prepare: async (lab) => {
      await mkdir(join(lab.folder, 'bin'));
      await symlink('/bin/true', join(lab.folder, 'bin/tee'));
    },
    env: (lab) => ({ PATH: join(lab.folder, 'bin') }),
    msg: /missing commands: ip, nsenter/,
  },
  {
    what: 'tc is missing and pods may come with limits',
    config: { capabilities: { bandwidth: true } },
    prepare: async (lab) => {
      await mkdir(join(lab.folder, 'bin'));
      for (const name of ['ip', 'nft', 'nsenter', 'tee'])
        await symlink('/bin/true', join(lab.folder, 'bin', name));
    },
    env: (lab) => ({ PATH: join(lab.folder, 'bin') }),
    msg: /missing commands: tc$/,
  },
  {
    what: 'nobody forwards',
    config: { sysctls: false },
    code: 51,
    msg: /does not forward IPv4 and IPv6, and sysctls is false/,
  },
  {
    what: 'the file of resolver settings is missing',
    config: { resolvConf: '/nowhere/resolv.conf' },
    msg: /read the resolver settings \/nowhere\/resolv.conf: ENOENT/,
  },
  {
    what: 'IPv6 is switched off',
    prepare: (_, node) => node.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1'),
    msg: /IPv6 was requested, but the host has it disabled/,
  },
];

for (const { what, config, env, prepare, msg, code = 50 } of cases) {
  test.serial(`STATUS says so when ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await prepare?.(lab, node);
    const error = failed(await status(lab, node, config, env?.(lab)));
    t.is(error.code, code);
    t.regex(error.msg, msg);
  });
}

test.serial('STATUS is content with a full pool that can be reclaimed from', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  {
    await using doomed = await openLab();
    const pod = await doomed.pod();
    t.is((await call(node, 'ADD', configuration(lab, tiny), { netns: pod.path })).status, 0);
    t.regex((await status(lab, node, tiny)).stderr, /no address is left/);
  }
  for (let tries = 0; (await node.links()).length > 0 && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.deepEqual(await status(lab, node, tiny), { status: 0, stdout: '', stderr: '' });
});

test.serial('a full pool is a sentence, and no reason to evict the pods that run', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await addPod(lab, node, tiny);
  t.deepEqual(await status(lab, node, tiny), {
    status: 0,
    stdout: '',
    stderr:
      'dualstack: no address is left in 10.244.1.0/30 (1 address), and the next pod will not start: ' +
      'delete pods, or give the node a larger podCIDR',
  });
});

test.serial('STATUS and GC came with CNI 1.1.0', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  for (const verb of ['STATUS', 'GC'] as const) {
    const error = failed(await call(node, verb, configuration(lab), { containerID: '', ifname: '' }));
    t.deepEqual([error.code, error.msg], [1, `config version does not allow ${verb}`]);
  }
});
