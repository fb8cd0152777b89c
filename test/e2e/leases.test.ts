import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, podIPs, succeeded } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, configuration, dataDirOf } from '../lab/pods.ts';
import { confDirOf, tool, toolJson, writeConflist } from '../lab/tool.ts';
import { until } from '../lab/until.ts';

interface Network {
  readonly network: string;
  readonly pools: readonly { family: string; used: number; capacity: string; part: number }[];
  readonly leases: readonly {
    pod: string | null;
    containerID: string;
    ifname: string;
    addresses: readonly string[];
    hostEnd: string | null;
    netns: string | null;
    since: string;
    problems: readonly { kind: string; text: string }[];
  }[];
  readonly unreadable: readonly string[];
}

function show(lab: Lab, node: Namespace, ...more: string[]): Promise<Network[]> {
  return toolJson(node, ['leases', '--conf-dir', confDirOf(lab), ...more]);
}

/** The store of the machine itself may hold networks, too. */
async function ofLab(lab: Lab, node: Namespace): Promise<Network | undefined> {
  return (await show(lab, node, '--network', 'pods')).find((network) => network.pools.length > 0);
}

function problems(network: Network | undefined): string[] {
  return (network?.leases ?? []).flatMap((lease) => lease.problems.map(({ kind }) => kind));
}

test.serial('leases shows who has which addresses, by pod, and how full the pools are', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab);
  const pod = await lab.pod();
  const env = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0' };
  const added = await call(node, 'ADD', configuration(lab), { netns: pod.path, env });
  const result = JSON.parse(added.stdout);
  const network = await ofLab(lab, node);
  t.like(network?.leases[0], {
    pod: 'default/web-0',
    containerID: 'container-1',
    ifname: 'eth0',
    addresses: podIPs(result),
    hostEnd: result.interfaces[0].name,
    netns: pod.path,
    problems: [],
  });
  t.is(network?.leases.length, 1);
  t.deepEqual(
    network?.pools.map(({ family, used, capacity }) => [family, used, capacity]),
    [
      ['IPv4', 1, '253'],
      ['IPv6', 1, `${2n ** 64n - 2n}`],
    ],
  );
});

test.serial(
  'leases in a pipe is one record of tabs for each, of the network that was asked for',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await writeConflist(lab);
    await addPod(lab, node, {}, 'one');
    await addPod(lab, node, {}, 'two');
    await addPod(lab, node, { name: 'others', podCIDRs: ['10.245.0.0/24', 'fd01::/64'] }, 'three');
    const { stdout, status } = await tool(node, [
      'leases',
      '--conf-dir',
      confDirOf(lab),
      '--network',
      'others',
    ]);
    t.is(status, 0);
    const fields = stdout.split('\n').map((line) => line.split('\t'));
    t.is(fields.length, 1);
    t.deepEqual(fields[0]?.slice(0, 5), ['others', '-', 'three', 'eth0', '10.245.0.2,fd01::2']);
  },
);

test.serial('leases shows the whole name of a pod, of which the kernel has room for a part', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  await writeConflist(lab);
  const [namespace, name] = ['n'.repeat(63), `my_${'w'.repeat(250)}`];
  const env = { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}` };
  const result = succeeded(await call(node, 'ADD', configuration(lab), { netns: pod.path, env }));
  t.is((await ofLab(lab, node))?.leases[0]?.pod, `${namespace}/${name}`);
  const [link] = await node.ask<{ ifalias: string }[]>(
    'link',
    'show',
    'dev',
    result.interfaces[0]?.name ?? '',
  );
  t.is(link?.ifalias, `${namespace}/${name}`.slice(0, 255));
});

test.serial('leases names an unknown network, and the nearest one', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab);
  const { status, stderr } = await tool(node, ['leases', '--conf-dir', confDirOf(lab), '--network', 'pod']);
  t.is(status, 1);
  t.regex(stderr, /there is no network pod: did you mean pods\?/);
});

test.serial('leases says when the interface, then the namespace, is gone', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab);
  {
    await using doomed = await openLab();
    const pod = await doomed.pod();
    await call(node, 'ADD', configuration(lab), { netns: pod.path });
    const [hostEnd = ''] = await node.links();
    await node.run('ip', 'link', 'delete', hostEnd);
    t.deepEqual(problems(await ofLab(lab, node)), ['no interface']);
  }
  await until('the namespace to go', async () => {
    const found = problems(await ofLab(lab, node));
    if (found.length < 2) throw new Error(found.join());
    t.deepEqual(found, ['no interface', 'no namespace']);
  });
});

test.serial('leases says when a family is missing, and when one is there twice', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab);
  const { containerID } = await addPod(lab, node);
  const store = join(dataDirOf(lab), 'pods');
  await rm(join(store, 'fd00:10:244:1::2'));
  t.deepEqual(problems(await ofLab(lab, node)), ['one family']);
  await writeFile(join(store, 'fd00:10:244:1::2'), `${containerID}\r\neth0`);
  await writeFile(join(store, 'fd00:10:244:1::3'), `${containerID}\r\neth0`);
  t.deepEqual(problems(await ofLab(lab, node)), ['duplicate']);
});

test.serial('leases says when another network has leased the same address', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab);
  await addPod(lab, node);
  await mkdir(join(dataDirOf(lab), 'rival'), { recursive: true });
  await writeFile(join(dataDirOf(lab), 'rival', '10.244.1.2'), 'other\r\neth0');
  const network = await ofLab(lab, node);
  t.deepEqual(problems(network), ['duplicate']);
  t.regex(network?.leases[0]?.problems[0]?.text ?? '', /network rival has leased it, too/);
});

test.serial('leases shows files that are no lease, and leases that an old host-local wrote', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab);
  const store = join(dataDirOf(lab), 'pods');
  await mkdir(store, { recursive: true });
  await writeFile(join(store, '10.244.1.9'), '');
  await writeFile(join(store, '10.244.1.8'), 'old-container');
  const network = await ofLab(lab, node);
  t.deepEqual(network?.unreadable, ['10.244.1.9']);
  t.like(network?.leases[0], { containerID: 'old-container', ifname: '', addresses: ['10.244.1.8'] });
});
