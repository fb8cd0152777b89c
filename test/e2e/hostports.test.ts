import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { call, failed, podIPs, succeeded } from '../lab/cni.ts';
import { both, look, lookFromPort, mirrorIn } from '../lab/mirror.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, type Config, configuration, dataDirOf } from '../lab/pods.ts';
import { kernelState, leases, storeTraces } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

const nodeIPs = ['192.0.2.10', '2001:db8::10'];
const outside = ['192.0.2.1', '2001:db8::1'];
const gateways = ['10.244.1.1', 'fd00:10:244:1::1'];

/** A mapping to port 80 of the pod, over both protocols. */
function mapped(hostPort: number, hostIP?: string): object[] {
  return ['tcp', 'UDP'].map((protocol) => ({ hostPort, containerPort: 80, protocol, hostIP }));
}

function withPorts(...portMappings: object[]): Config {
  return { runtimeConfig: { portMappings } };
}

async function nodeAndWorld(lab: Lab): Promise<[Namespace, Namespace]> {
  const node = await lab.node();
  return [node, await lab.outside(node)];
}

test.serial(
  'a host port is reached from everywhere, over TCP and UDP, and keeps the source of who asks',
  async (t) => {
    await using lab = await openLab();
    const [node, world] = await nodeAndWorld(lab);
    const published = await addPod(lab, node, withPorts(...mapped(8080, '')), 'published');
    const other = await addPod(lab, node, {}, 'other');
    await using _ = await mirrorIn(published.pod, 80);
    t.deepEqual(await look(world, nodeIPs, 8080), both(outside), 'from outside');
    t.deepEqual(await look(other.pod, nodeIPs, 8080), both(podIPs(other.result)), 'from another pod');
    t.deepEqual(await look(other.pod, gateways, 8080), both(podIPs(other.result)), 'by the gateways');
    t.deepEqual(await look(node, nodeIPs, 8080), both(nodeIPs), 'from the node');
    t.deepEqual(await look(node, ['127.0.0.1'], 8080), both(['10.244.1.1']), 'from the node’s loopback');
    t.deepEqual(await look(published.pod, nodeIPs, 8080), both(gateways), 'from the pod itself');
    t.deepEqual(await look(world, nodeIPs, 8081), both([null, null]), 'another port');
  },
);

/** Where a mapping is reached, of: the node's usual addresses, a second IPv4 address of it, and its loopback. */
const variants: [string, string | undefined | null, boolean[]][] = [
  ['absent', undefined, [true, true, true, true]],
  ['null', null, [true, true, true, true]],
  ['0.0.0.0', '0.0.0.0', [true, false, true, true]],
  ['::', '::', [false, true, false, false]],
  ['an IPv4 address', '192.0.2.10', [true, false, false, false]],
  ['an IPv6 address', '2001:db8::10', [false, true, false, false]],
  ['127.0.0.1', '127.0.0.1', [false, false, false, true]],
];

for (const [what, hostIP, reached] of variants) {
  test.serial(`where a host port is reached when hostIP is ${what}`, async (t) => {
    await using lab = await openLab();
    const [node] = await nodeAndWorld(lab);
    await node.run('ip', 'address', 'add', '192.0.2.11/24', 'dev', 'uplink');
    const mapping = { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP };
    const { pod } = await addPod(lab, node, withPorts(mapping));
    await using _ = await mirrorIn(pod, 80);
    const answers = await look(node, [...nodeIPs, '192.0.2.11', '127.0.0.1'], 8080);
    t.deepEqual(
      answers.slice(0, 4).map((answer) => answer !== null),
      reached,
    );
  });
}

test.serial('a port of one address goes before the same port of all', async (t) => {
  await using lab = await openLab();
  const [node, world] = await nodeAndWorld(lab);
  await node.run('ip', 'address', 'add', '192.0.2.11/24', 'dev', 'uplink');
  await addPod(lab, node, withPorts(...mapped(8080)), 'all');
  const { pod } = await addPod(lab, node, withPorts(...mapped(8080, '192.0.2.10')), 'one');
  await using _ = await mirrorIn(pod, 80);
  t.deepEqual(await look(world, ['192.0.2.10', '192.0.2.11'], 8080), both(['192.0.2.1', null]));
});

test.serial(
  'a host port in use is an error that names it and its holder, and leaves nothing behind',
  async (t) => {
    await using lab = await openLab();
    const [node, world] = await nodeAndWorld(lab);
    const [holder, pod] = [await lab.pod(), await lab.pod()];
    const config = configuration(lab, withPorts(...mapped(8080), ...mapped(9090, '192.0.2.10')));
    const env = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0' };
    succeeded(await call(node, 'ADD', config, { netns: holder.path, containerID: 'holder', env }));
    const [state, store] = [await kernelState(node), await storeTraces(dataDirOf(lab))];
    for (const [mapping, named] of [
      [mapped(8080), '*:8080/tcp'],
      [mapped(8080, '::').slice(1), '*:8080/udp'],
      [[...mapped(7070), ...mapped(9090, '192.0.2.10')], '192.0.2.10:9090/tcp'],
    ] as const) {
      const asked = configuration(lab, {
        ...withPorts(...mapping),
        name: 'others',
        podCIDRs: ['10.9.0.0/24', 'fd09::/64'],
      });
      const error = failed(await call(node, 'ADD', asked, { netns: pod.path, containerID: 'second' }));
      t.is(error.code, 101);
      t.true(error.msg.includes(`host port ${named} is in use by `), error.msg);
      t.true(error.msg.endsWith('of default/web-0 (eth0 of container holder)'), error.msg);
      t.is(await kernelState(node), state);
      t.deepEqual(await leases(dataDirOf(lab), 'others'), []);
      t.deepEqual(
        await storeTraces(dataDirOf(lab)).then((files) => files.filter((file) => file.includes('/pods/'))),
        store.filter((file) => file.includes('/pods/')),
      );
    }
    await using _ = await mirrorIn(holder, 80);
    t.deepEqual(await look(world, nodeIPs, 8080), both(outside));
    const free = configuration(lab, withPorts(...mapped(9090, '192.0.2.11')));
    succeeded(await call(node, 'ADD', free, { netns: pod.path, containerID: 'second' }));
  },
);

for (const [what, config, message] of [
  [
    'a host address of a family that the pod lacks',
    { ...withPorts(...mapped(8080, '2001:db8::10')), ipFamilies: ['IPv4'] },
    /hostIP 2001:db8::10 of host port 8080 is IPv6, but the pod has no such address/,
  ],
  [
    'a port that is asked for twice',
    withPorts(...mapped(8080), ...mapped(8080, '::').map((mapping) => ({ ...mapping, containerPort: 9 }))),
    /host port \*:8080\/tcp \(IPv6\) is mapped twice, to \d+ and to 9$/,
  ],
  ['a port that is none', withPorts(...mapped(65536)), /portMappings\[0\]\.hostPort must be a port/],
] as const) {
  test.serial(`an error, and nothing left behind: ${what}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const error = failed(await call(node, 'ADD', configuration(lab, config), { netns: pod.path }));
    t.is(error.code, 7);
    t.regex(error.msg, message);
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
    t.deepEqual(await node.links(), []);
    t.is(await node.run('nft', 'list', 'ruleset'), '');
  });
}

test.serial(
  'mappings without a host port are no mappings; the rules for SCTP are there though the kernel may lack it',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await addPod(
      lab,
      node,
      withPorts(
        { containerPort: 80 },
        { hostPort: 0, containerPort: 81 },
        { hostPort: 5000, containerPort: 5001, protocol: 'SCTP' },
      ),
    );
    const ports = await node.run('nft', 'list', 'map', 'inet', 'dualstack', 'ports_ipv4');
    t.deepEqual(ports.match(/elements = .*/g), ['elements = { sctp . 5000 : 10.244.1.2 . 5001 }']);
  },
);

test.serial(
  'a thousand host ports: the rules stay, the last port is reached, and all go again',
  async (t) => {
    await using lab = await openLab();
    const [node, world] = await nodeAndWorld(lab);
    await addPod(lab, node, {}, 'first');
    const rules = () => node.run('nft', '-t', 'list', 'table', 'inet', 'dualstack');
    const [state, before] = [await kernelState(node), await rules()];
    const mappings = Array.from({ length: 500 }, (_, index) => mapped(10_000 + index)).flat();
    const { pod, config } = await addPod(lab, node, withPorts(...mappings), 'many');
    const more = await addPod(lab, node, withPorts(...mapped(20_000)), 'more');
    t.is(await rules(), before);
    {
      await using _ = await mirrorIn(pod, 80);
      t.deepEqual(await look(world, nodeIPs, 10_499), both(outside));
    }
    for (const containerID of ['many', 'more'])
      t.is((await call(node, 'DEL', config, { containerID })).status, 0);
    t.deepEqual(await more.pod.links(), []);
    t.is(await kernelState(node), state);
  },
);

async function udpGoesToNextPod(t: ExecutionContext, lab: Lab, env: Record<string, string> = {}) {
  const [node, world] = await nodeAndWorld(lab);
  const ports = withPorts({ hostPort: 53, containerPort: 80, protocol: 'udp' });
  const first = await addPod(lab, node, ports, 'first');
  {
    await using _ = await mirrorIn(first.pod, 80);
    for (const [index, address] of nodeIPs.entries())
      t.is(await lookFromPort(world, 40_000, address, 53), outside[index] ?? '');
  }
  const { status, stderr } = await call(node, 'DEL', first.config, { containerID: 'first', env });
  t.is(status, 0);
  const second = await addPod(lab, node, ports, 'second');
  await using _ = await mirrorIn(second.pod, 80);
  const answers: string[] = [];
  for (const address of nodeIPs) answers.push(await lookFromPort(world, 40_000, address, 53));
  return { stderr, answers };
}

test.serial('UDP of a known connection goes on to the next pod that has the port', async (t) => {
  await using lab = await openLab();
  const { stderr, answers } = await udpGoesToNextPod(t, lab);
  t.is(stderr, '');
  t.deepEqual(answers, outside);
});

test.serial(
  'without conntrack DEL succeeds, and says that known connections go on to the pod that is gone',
  async (t) => {
    await using lab = await openLab();
    await mkdir(join(lab.folder, 'bin'));
    for (const name of ['ip', 'nft']) await symlink(`/usr/sbin/${name}`, join(lab.folder, 'bin', name));
    const { stderr, answers } = await udpGoesToNextPod(t, lab, { PATH: join(lab.folder, 'bin') });
    t.regex(
      stderr,
      /conntrack: no such command.*packets of known connections may go on to a pod that is gone/,
    );
    t.deepEqual(answers, ['', '']);
  },
);

test.serial(
  'a pod that starts anew has the port of its predecessor that is dead, though no DEL came',
  async (t) => {
    await using lab = await openLab();
    const [node, world] = await nodeAndWorld(lab);
    {
      await using doomed = await openLab();
      const { path } = await doomed.pod();
      const config = configuration(lab, withPorts(...mapped(8080), ...mapped(8081)));
      succeeded(await call(node, 'ADD', config, { netns: path, containerID: 'dead' }));
      const taken = await call(node, 'ADD', config, { netns: (await lab.pod()).path, containerID: 'early' });
      t.is(failed(taken).code, 101);
    }
    await until('the end of the pod', async () => {
      if ((await node.links()).length > 1) throw new Error('it is there');
    });
    const { pod, config } = await addPod(lab, node, withPorts(...mapped(8080), ...mapped(8081)), 'anew');
    await using _ = await mirrorIn(pod, 80);
    t.deepEqual(await look(world, nodeIPs, 8081), both(outside));
    const late = await call(node, 'DEL', config, { containerID: 'dead' });
    t.is(late.status, 0);
    t.deepEqual(await look(world, nodeIPs, 8081), both(outside));
  },
);

test.serial('an address that is reused before a late DEL of its former owner keeps its ports', async (t) => {
  await using lab = await openLab();
  const [node, world] = await nodeAndWorld(lab);
  const former = await addPod(lab, node, withPorts(...mapped(8080), ...mapped(7070)), 'former');
  await former.pod.run('ip', 'link', 'delete', 'eth0');
  for (const address of podIPs(former.result)) await rm(join(dataDirOf(lab), 'pods', address));
  const runtimeConfig = { portMappings: [...mapped(8080), ...mapped(9090)], ips: podIPs(former.result) };
  const { pod, result, config } = await addPod(lab, node, { runtimeConfig }, 'later');
  t.deepEqual(podIPs(result), podIPs(former.result));
  await using _ = await mirrorIn(pod, 80);
  t.is((await call(node, 'DEL', former.config, { containerID: 'former' })).status, 0);
  for (const port of [8080, 9090]) t.deepEqual(await look(world, nodeIPs, port), both(outside));
  t.deepEqual(await look(world, nodeIPs, 7070), both([null, null]));
  t.is((await call(node, 'CHECK', config, { netns: pod.path, containerID: 'later' })).status, 0);
});

test.serial('the dead of an exhausted pool leave no host ports behind', async (t) => {
  await using lab = await openLab();
  const [node, world] = await nodeAndWorld(lab);
  const tiny = { podCIDRs: ['10.244.1.0/30', 'fd00:10:244:1::/64'] };
  {
    await using doomed = await openLab();
    const config = configuration(lab, { ...tiny, ...withPorts(...mapped(8080)) });
    succeeded(await call(node, 'ADD', config, { netns: (await doomed.pod()).path, containerID: 'dead' }));
  }
  await until('the end of the pod', async () => {
    if ((await node.links()).length > 1) throw new Error('it is there');
  });
  const heir = await addPod(lab, node, tiny, 'heir');
  t.deepEqual(podIPs(heir.result)[0], '10.244.1.2');
  await using _ = await mirrorIn(heir.pod, 80);
  t.deepEqual(await look(world, nodeIPs, 8080), both([null, null]));
  t.notRegex(await node.run('nft', 'list', 'table', 'inet', 'dualstack'), /8080/);
});

test.serial(
  'route_localnet is on for host ends with IPv4 host ports alone, and never when sysctls is false',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    for (const key of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding'])
      await node.run('sysctl', '-qw', `net.${key}=1`);
    const cases: [string, Config, string][] = [
      ['none', {}, '0'],
      ['ports', withPorts(...mapped(1)), '1'],
      ['ipv6', withPorts(...mapped(2, '::')), '0'],
      ['untouched', { ...withPorts(...mapped(3)), sysctls: false }, '0'],
    ];
    for (const [containerID, config, expected] of cases) {
      const { result } = await addPod(lab, node, config, containerID);
      const path = `/proc/sys/net/ipv4/conf/${result.interfaces[0]?.name}/route_localnet`;
      t.is(await node.run('cat', path), expected, containerID);
    }
    t.is(await node.run('cat', '/proc/sys/net/ipv4/conf/all/route_localnet'), '0');
  },
);

test.serial('what nft is needed for fails without it; what it is not needed for does not', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  await mkdir(join(lab.folder, 'bin'));
  for (const name of ['ip', 'nsenter', 'tee']) {
    const path = (await node.run('which', name)).trim();
    await symlink(path, join(lab.folder, 'bin', name));
  }
  const invocation = { netns: pod.path, env: { PATH: join(lab.folder, 'bin') } };
  const without = { spoofCheck: false, ipMasq: false };
  for (const more of [{ ipMasq: false }, { spoofCheck: false }, { ...without, ...withPorts(...mapped(1)) }]) {
    const error = failed(await call(node, 'ADD', configuration(lab, more), invocation));
    t.regex(`${error.msg} ${error.details}`, /nft: no such command.*install nftables/);
    t.deepEqual(await node.links(), []);
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  }
  const config = configuration(lab, without);
  const added = await call(node, 'ADD', config, invocation);
  t.regex(added.stderr, /nft is not installed/);
  const prevResult = succeeded(added);
  t.is((await call(node, 'CHECK', { ...config, prevResult }, invocation)).status, 0);
  t.is((await call(node, 'DEL', configuration(lab, withPorts(...mapped(1))), invocation)).status, 0);
});
