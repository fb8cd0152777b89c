import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { call, failed, type Invocation } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { kernelState, storeTraces } from '../lab/traces.ts';

const good = {
  cniVersion: '1.0.0',
  name: 'pods',
  type: 'dualstack',
  podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
};

interface Case {
  readonly what: string;
  /** Standard input, or what the good configuration is changed in. */
  readonly input?: string | object;
  readonly invocation?: (lab: Lab, pod: Namespace) => Invocation;
  /** Breaks the host first. */
  readonly prepare?: (lab: Lab, pod: Namespace) => Promise<unknown>;
  /** Undoes that. */
  readonly restore?: (lab: Lab) => Promise<unknown>;
  readonly code: number;
  readonly msg: RegExp;
}

const cases: Case[] = [
  { what: 'no JSON', input: '{"cniVersion": ', code: 6, msg: /not JSON/ },
  { what: 'an empty input', input: '', code: 6, msg: /no network configuration/ },
  { what: 'a list', input: '[]', code: 6, msg: /not a JSON object/ },
  { what: 'a version that is none', input: { cniVersion: 'new' }, code: 6, msg: /not a version/ },
  { what: 'a version to come', input: { cniVersion: '9.0.0' }, code: 1, msg: /^incompatible CNI versions$/ },
  { what: 'no name', input: { name: undefined }, code: 7, msg: /name must be/ },
  { what: 'a name that is a path', input: { name: '../etc' }, code: 7, msg: /name must start/ },
  {
    what: 'a CIDR that is none',
    input: { podCIDRs: ['10.244.1.0'] },
    code: 7,
    msg: /podCIDRs\[0\] must be a CIDR/,
  },
  {
    what: 'host bits',
    input: { podCIDRs: ['10.244.1.7/24'] },
    code: 7,
    msg: /without host bits.*10\.244\.1\.7\/24/,
  },
  {
    what: 'a pool too small',
    input: { podCIDRs: ['10.244.1.0/32'] },
    code: 7,
    msg: /10\.244\.1\.0\/32 is too small/,
  },
  {
    what: 'overlapping ranges',
    input: { podCIDRs: ['10.244.0.0/16', '10.244.1.0/24'] },
    code: 7,
    msg: /overlap/,
  },
  { what: 'no podCIDR', input: { podCIDRs: [] }, code: 7, msg: /podCIDRs must name a CIDR/ },
  {
    what: 'a family without a CIDR',
    input: { podCIDRs: ['10.244.1.0/24'], ipFamilies: ['IPv4', 'IPv6'] },
    code: 7,
    msg: /no podCIDR for IPv6/,
  },
  {
    what: 'a second family that is missing',
    input: { podCIDRs: ['fd00::/64'], ipFamilyPolicy: 'RequireDualStack' },
    code: 7,
    msg: /no podCIDR for IPv4/,
  },
  {
    what: 'a mistyped key',
    input: { podCidrs: [] },
    code: 7,
    msg: /unknown key "podCidrs": did you mean "podCIDRs"\?/,
  },
  {
    what: 'a folder that climbs',
    input: { dataDir: '/run/../etc' },
    code: 7,
    msg: /dataDir must be an absolute path/,
  },
  {
    what: 'an MTU that IPv6 does not work with',
    input: { mtu: 1279 },
    code: 7,
    msg: /1279 bytes is too small for IPv6/,
  },
  {
    what: 'a missing namespace',
    invocation: () => ({ netns: '/run/netns/nowhere' }),
    code: 4,
    msg: /CNI_NETNS.*nowhere/,
  },
  {
    what: 'a false namespace',
    invocation: () => ({ netns: '/etc/hostname' }),
    code: 4,
    msg: /no network namespace/,
  },
  {
    what: 'a namespace of another kind',
    invocation: () => ({ netns: '/proc/self/ns/mnt' }),
    code: 4,
    msg: /^CNI_NETNS: \/proc\/self\/ns\/mnt is a namespace of type mnt, not net$/,
  },
  {
    what: 'a namespace of another kind, mounted',
    prepare: async (lab) => {
      await writeFile(join(lab.folder, 'uts'), '');
      await execa('mount', ['--bind', '/proc/self/ns/uts', join(lab.folder, 'uts')]);
    },
    invocation: (lab) => ({ netns: join(lab.folder, 'uts') }),
    restore: (lab) => execa('umount', [join(lab.folder, 'uts')]),
    code: 4,
    msg: /^CNI_NETNS: \S+ is a namespace of type uts, not net/,
  },
  {
    what: 'the plugin’s own namespace',
    invocation: () => ({ netns: '/proc/self/ns/net' }),
    code: 8,
    msg: /should not be the same/,
  },
  {
    what: 'a container ID that is a path',
    invocation: () => ({ containerID: '../x' }),
    code: 4,
    msg: /invalid CNI_CONTAINERID/,
  },
  {
    what: 'an interface name too long',
    invocation: () => ({ ifname: 'sixteen-letters0' }),
    code: 4,
    msg: /invalid CNI_IFNAME/,
  },
  {
    what: 'variables that are missing',
    invocation: () => ({ env: { CNI_NETNS: undefined, CNI_PATH: '' } }),
    code: 4,
    msg: /^required env variables \[CNI_NETNS,CNI_PATH\] missing$/,
  },
  {
    what: 'CNI_ARGS that are no pairs',
    invocation: () => ({ env: { CNI_ARGS: 'nonsense' } }),
    code: 4,
    msg: /CNI_ARGS/,
  },
  {
    what: 'an interface that is there already',
    prepare: (_, pod) => pod.run('ip', 'link', 'add', 'eth0', 'type', 'bridge'),
    code: 102,
    msg: /interface already exists: eth0/,
  },
  {
    what: 'a missing ip command',
    invocation: (lab) => ({ env: { PATH: join(lab.folder, 'empty') } }),
    code: 102,
    msg: /ip: no such command/,
  },
  {
    what: 'a store that cannot be written',
    prepare: (lab) => writeFile(join(lab.folder, 'data'), 'a file, and no folder'),
    code: 5,
    msg: /write the lease store/,
  },
];

for (const { what, input = {}, invocation, prepare, restore, code, msg } of cases) {
  test.serial(`an error, and nothing left behind: ${what}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    await mkdir(join(lab.folder, 'empty'));
    await prepare?.(lab, pod);
    const before = [await kernelState(node), await kernelState(pod)];
    const dataDir = join(lab.folder, 'data');
    const configuration = typeof input === 'string' ? input : { ...good, dataDir, ...input };

    const error = failed(
      await call(node, 'ADD', configuration, { netns: pod.path, ...invocation?.(lab, pod) }).finally(() =>
        restore?.(lab),
      ),
    );

    t.is(error.code, code, error.msg);
    t.regex(error.msg, msg);
    t.notRegex(JSON.stringify(error), /\.ts:|\.cjs:| at \S+:\d/);
    t.deepEqual([await kernelState(node), await kernelState(pod)], before);
    if (what !== 'a store that cannot be written') t.deepEqual(await storeTraces(dataDir), []);
  });
}
