import { match, ok } from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { advertise } from '../lab/advertiser.ts';
import { call, executable, failed, podIPs, succeeded } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab, systemPath } from '../lab/namespaces.ts';
import { addPod, type Config, configuration, podCIDRs } from '../lab/pods.ts';
import { ping } from '../lab/probes.ts';
import { storeTraces } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

const onlyIPv4 = { podCIDRs: podCIDRs.slice(0, 1) };
const onlyIPv6 = { podCIDRs: podCIDRs.slice(1) };
const forwarding = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];

/** The values of sysctls, in the order in which they are asked for. */
async function sysctls(namespace: Namespace, ...keys: string[]): Promise<string[]> {
  return (await namespace.run('sysctl', '-n', ...keys)).split('\n');
}

/** Every setting of both families in a namespace, but those of links that we made. */
async function settings(namespace: Namespace): Promise<string[]> {
  const lines = (await namespace.run('sysctl', '-a', '--pattern', '^net\\.ipv[46]\\.')).split('\n');
  return lines.filter((line) => !line.includes('vethds'));
}

/** A node whose uplink leads to a router, which does not advertise itself yet. */
async function nodeWithRouter(lab: Lab): Promise<{ node: Namespace; router: Namespace }> {
  const [node, router] = [await lab.node(), await lab.namespace('router')];
  // Not what is shown here, and it costs a second.
  for (const namespace of [node, router])
    await namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
  await lab.cable(
    { namespace: node, link: 'uplink', addresses: [] },
    { namespace: router, link: 'eth0', addresses: ['2001:db8:7::1/64'] },
  );
  return { node, router };
}

const learned = /^default via fe80::\S+ dev uplink proto ra/m;

async function hasLearnedRoute(node: Namespace): Promise<void> {
  match(await node.run('ip', '-6', 'route'), learned);
}

const ra = { link: 'eth0', prefix: '2001:db8:7::/64', lifetime: 600 };

test.serial(
  'a host that lives on a router advertisement keeps its default route, and goes on learning',
  async (t) => {
    await using lab = await openLab();
    const { node, router } = await nodeWithRouter(lab);
    await using _ = await advertise(lab, router, ra);
    await until('the default route', () => hasLearnedRoute(node));

    const [pod, config] = [await lab.pod(), configuration(lab)];
    const outcome = await call(node, 'ADD', config, { netns: pod.path });

    succeeded(outcome);
    t.regex(outcome.stderr, /^dualstack: set accept_ra of uplink to 2: .*router advertisement$/m);
    await t.notThrowsAsync(hasLearnedRoute(node));
    t.deepEqual(await sysctls(node, ...forwarding), ['1', '1']);
    await node.run('ip', '-6', 'route', 'delete', 'default', 'dev', 'uplink');
    await until('the default route, again', () => hasLearnedRoute(node));
    t.is((await call(node, 'DEL', config)).status, 0);
    await t.notThrowsAsync(hasLearnedRoute(node));
  },
);

test.serial('a host that learned no default route but a prefix goes on learning as well', async (t) => {
  await using lab = await openLab();
  const { node, router } = await nodeWithRouter(lab);
  await using _ = await advertise(lab, router, { ...ra, lifetime: 0 });
  const prefix = () =>
    node.run('ip', '-6', 'route').then((routes) => match(routes, /^2001:db8:7::\/64 dev uplink/m));
  await until('the prefix', prefix);
  await addPod(lab, node);
  t.deepEqual(await sysctls(node, 'net.ipv6.conf.uplink.accept_ra'), ['2']);
  await node.run('ip', '-6', 'route', 'flush', '2001:db8:7::/64');
  await t.notThrowsAsync(until('the prefix, again', prefix));
});

test.serial('a host that learned nothing by router advertisements is left as it is', async (t) => {
  await using lab = await openLab();
  const { node } = await nodeWithRouter(lab);
  const pod = await lab.pod();
  const outcome = await call(node, 'ADD', configuration(lab), { netns: pod.path });
  succeeded(outcome);
  t.is(outcome.stderr, '');
  t.deepEqual(await sysctls(node, 'net.ipv6.conf.uplink.accept_ra'), ['1']);
});

const inUse: [string, Config, string[]][] = [
  ['both families', {}, ['1', '1']],
  ['IPv4 alone', onlyIPv4, ['1', '0']],
  ['IPv6 alone', onlyIPv6, ['0', '1']],
];

for (const [what, more, expected] of inUse) {
  test.serial(`the host forwards the families in use and no other: ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await addPod(lab, node, more);
    t.deepEqual(await sysctls(node, ...forwarding), expected);
  });
}

test.serial('sysctls: false changes no setting of the host, and STATUS says what is missing', async (t) => {
  await using lab = await openLab();
  const { node, router } = await nodeWithRouter(lab);
  await using _ = await advertise(lab, router, ra);
  await until('the default route', () => hasLearnedRoute(node));
  const before = await settings(node);
  const { config } = await addPod(lab, node, { sysctls: false });
  t.deepEqual(await settings(node), before);
  await t.notThrowsAsync(hasLearnedRoute(node));

  const query = { ...config, cniVersion: '1.1.0', prevResult: undefined };
  const status = () => call(node, 'STATUS', query, { containerID: '', ifname: '' });
  const error = failed(await status());
  t.regex(error.msg, /does not forward IPv4 and IPv6, and sysctls is false/);
  t.regex(error.details ?? '', /ip_forward and \S+\/all\/forwarding to 1/);
  await node.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  t.regex(failed(await status()).msg, /does not forward IPv6, and/);
  await node.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  t.is((await status()).status, 0);
});

test.serial(
  'disable_ipv6: IPv4 alone works and no IPv6 setting changes; IPv6 asked for is an error that says so',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await node.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    const before = (await settings(node)).filter((line) => line.startsWith('net.ipv6'));
    const { pod, result, config } = await addPod(lab, node, onlyIPv4);
    t.deepEqual(podIPs(result), ['10.244.1.2']);
    await t.notThrowsAsync(ping(pod, '10.244.1.1'));
    await t.notThrowsAsync(ping(node, '10.244.1.2'));
    t.is((await call(node, 'CHECK', config, { netns: pod.path })).status, 0);
    t.deepEqual(
      (await settings(node)).filter((line) => line.startsWith('net.ipv6')),
      before,
    );

    for (const more of [{}, onlyIPv6]) {
      const other = await lab.pod();
      const invocation = { netns: other.path, containerID: 'second' };
      const error = failed(await call(node, 'ADD', configuration(lab, more), invocation));
      t.is(error.code, 7);
      t.regex(error.msg, /IPv6 was requested, but the host has it disabled: .*disable_ipv6 is 1/);
      t.is((await node.links()).length, 1);
    }
    t.is((await call(node, 'DEL', config)).status, 0);
    t.deepEqual(await storeTraces(join(lab.folder, 'data')), []);
  },
);

test.serial(
  'disable_ipv6 and an IPAM plugin that gives IPv6 all the same: an error that says so, and nothing left behind',
  async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    await node.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    const dataDir = join(lab.folder, 'host-local');
    const ranges = [[{ subnet: '10.9.0.0/24' }], [{ subnet: 'fd09::/64' }]];
    const config = configuration(lab, { ipam: { type: 'host-local', dataDir, ranges }, podCIDRs: undefined });
    const error = failed(await call(node, 'ADD', config, { netns: pod.path }));
    t.is(error.code, 7);
    t.regex(error.msg, /IPv6 was requested, but the host has it disabled/);
    t.deepEqual(await node.links(), []);
    t.deepEqual(
      (await storeTraces(dataDir)).filter((file) => !file.endsWith('/lock')),
      [],
    );
  },
);

test.serial('disable_ipv6 and PreferDualStack: the pod gets IPv4 and the operator a warning', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  await node.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  const config = configuration(lab, { ipFamilyPolicy: 'PreferDualStack' });
  const outcome = await call(node, 'ADD', config, { netns: pod.path });
  t.deepEqual(podIPs(succeeded(outcome)), ['10.244.1.2']);
  t.regex(outcome.stderr, /IPv6 was requested, but the host has it disabled/);
});

/** Where IPv6 is off for links to come, or for those of the pod. */
const defaults: [string, (node: Namespace, pod: Namespace) => Promise<unknown>][] = [
  ['host’s default', (node) => node.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')],
  ['pod’s default', (_, pod) => pod.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')],
  ['pod’s all', (_, pod) => pod.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')],
];

for (const [what, prepare] of defaults) {
  test.serial(`both families work although disable_ipv6 is the ${what}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    await prepare(node, pod);
    const config = configuration(lab);
    const result = succeeded(await call(node, 'ADD', config, { netns: pod.path }));
    for (const address of podIPs(result)) await t.notThrowsAsync(ping(node, address));
    for (const { gateway } of result.ips) await t.notThrowsAsync(ping(pod, gateway));
    t.is((await call(node, 'CHECK', { ...config, prevResult: result }, { netns: pod.path })).status, 0);
    t.is((await call(node, 'DEL', config)).status, 0);
    t.deepEqual(await node.links(), []);
  });
}

/**
 * A plugin on a kernel without IPv6, as far as files can tell: it finds no IPv6 settings. `ip` is stood in for by
 * one that keeps what it was told, since the kernel below has IPv6 all the same.
 */
async function withoutIPv6(lab: Lab): Promise<{ executable: string; env: { PATH: string }; told: string }> {
  const [folder, told] = [join(lab.folder, 'bin'), join(lab.folder, 'told')];
  await mkdir(folder);
  const scripts = {
    plugin: `mount -t tmpfs tmpfs /proc/sys/net/ipv6 && exec ${executable}`,
    ip: `tee -a ${told} | /sbin/ip "$@"`,
  };
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return { executable: join(folder, 'plugin'), env: { PATH: `${folder}:${systemPath}` }, told };
}

test.serial(
  'a kernel without IPv6: IPv4 alone works without a word on IPv6; IPv6 asked for is an error that says so',
  async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const { told, ...invocation } = await withoutIPv6(lab);
    const config = configuration(lab, onlyIPv4);
    const result = succeeded(await call(node, 'ADD', config, { ...invocation, netns: pod.path }));
    t.deepEqual(podIPs(result), ['10.244.1.2']);
    await t.notThrowsAsync(ping(pod, '10.244.1.1'));
    const check = await call(
      node,
      'CHECK',
      { ...config, prevResult: result },
      { ...invocation, netns: pod.path },
    );
    t.is(check.status, 0, check.stdout);
    t.is((await call(node, 'DEL', config, invocation)).status, 0);
    t.notRegex(await readFile(told, 'utf8'), /addrgenmode|nodad|inet6|::|-6/);

    const error = failed(await call(node, 'ADD', configuration(lab), { ...invocation, netns: pod.path }));
    t.is(error.code, 7);
    t.regex(error.msg, /IPv6 was requested, but .*: the kernel has none \(ipv6\.disable=1\)/);
    t.deepEqual([await node.links(), await storeTraces(join(lab.folder, 'data'))], [[], []]);
  },
);

for (const setting of ['arp_ignore=2', 'rp_filter=1', 'rp_filter=2']) {
  test.serial(`packets pass in both families on a host with ${setting}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    for (const which of ['all', 'default'])
      await node.run('sysctl', '-qw', `net.ipv4.conf.${which}.${setting}`);
    const [one, other] = [await addPod(lab, node, {}, 'one'), await addPod(lab, node, {}, 'other')];
    for (const address of podIPs(other.result)) {
      await t.notThrowsAsync(ping(one.pod, address));
      await t.notThrowsAsync(ping(node, address));
    }
    for (const { gateway } of one.result.ips) await t.notThrowsAsync(ping(one.pod, gateway));
  });
}

test.serial(
  'a pod with IPv4 alone makes itself no IPv6 address, also on a link that is too small for any',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    for (const [containerID, mtu] of Object.entries({ usual: 1500, small: 1000 })) {
      const { pod, result } = await addPod(lab, node, { ...onlyIPv4, mtu }, containerID);
      t.is(await pod.run('ip', '-6', 'address', 'show', 'dev', 'eth0'), '');
      t.is(await node.run('ip', '-6', 'address', 'show', 'dev', result.interfaces[0]?.name ?? ''), '');
      await t.notThrowsAsync(ping(pod, '10.244.1.1'));
    }
  },
);

const families: [string, Config][] = [
  ['both families', {}],
  ['IPv4 alone', onlyIPv4],
];

/** What a host makes of an advertisement: an address, a route. */
async function configured(namespace: Namespace, link: string): Promise<string[]> {
  const answers = [
    await namespace.run('ip', '-6', 'address', 'show', 'dev', link),
    await namespace.run('ip', '-6', 'route', 'show', 'dev', link),
  ];
  return answers.flatMap((answer) => answer.match(/2001:db8:66:\S*|default via fe80\S*/g) ?? []);
}

for (const [what, more] of families) {
  for (const advertiser of ['host', 'pod'] as const) {
    test.serial(`nobody listens to router advertisements from the ${advertiser}: ${what}`, async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const { pod, result } = await addPod(lab, node, more);
      const ends = [
        { namespace: node, link: result.interfaces[0]?.name ?? '' },
        { namespace: pod, link: 'eth0' },
      ] as const;
      const [from, to] = advertiser === 'host' ? ends : ([ends[1], ends[0]] as const);
      await giveLinkLocal(from.namespace, from.link);
      await to.namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0');
      // Our table drops what a pod advertises: the ends of the pair must not need it.
      await node.run('nft', 'flush', 'ruleset');
      const advertisement = { link: from.link, prefix: '2001:db8:66::/64', lifetime: 600 };
      await using _ = await advertise(lab, from.namespace, advertisement);
      const heard = async () =>
        Number(/Icmp6InRouterAdvertisements\s+(\d+)/.exec(await snmp6(to.namespace))?.[1]);
      await until('advertisements', async () => ok((await heard()) >= 3));
      t.deepEqual(await configured(to.namespace, to.link), []);
    });
  }
}

/** Only from such an address does a router advertise itself; a pod with IPv4 alone has none. */
async function giveLinkLocal(namespace: Namespace, link: string): Promise<void> {
  const address = ['fe80::66/64', 'dev', link, 'nodad'];
  await namespace.run('ip', 'address', 'add', ...address);
}

function snmp6(namespace: Namespace): Promise<string> {
  return namespace.run('cat', '/proc/net/snmp6');
}
