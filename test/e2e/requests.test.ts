import test from 'ava';
import { call, failed, podIPs, succeeded } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { addPod, type Config, configuration } from '../lab/pods.ts';

const both = ['10.244.1.77', 'fd00:10:244:1::abc'];

/** What is asked for, in which place, and what the pod gets: the capability, then args, then CNI_ARGS. */
const requests: [string, Config, string, string[]][] = [
  ['the ips capability', { runtimeConfig: { ips: both } }, '', both],
  [
    'ips with prefix lengths',
    { runtimeConfig: { ips: both.map((ip) => `${ip}${ip.includes(':') ? '/64' : '/24'}`) } },
    '',
    both,
  ],
  ['args.cni.ips', { args: { cni: { ips: both } } }, '', both],
  ['IP= in CNI_ARGS', {}, `IgnoreUnknown=1;IP=${both.join()}`, both],
  ['one family only', { runtimeConfig: { ips: ['10.244.1.77'] } }, '', ['10.244.1.77', 'fd00:10:244:1::4d']],
  [
    'the capability over args',
    { runtimeConfig: { ips: both }, args: { cni: { ips: ['10.244.1.5'] } } },
    'IP=10.244.1.6',
    both,
  ],
  ['args over CNI_ARGS', { args: { cni: { ips: both } } }, 'IP=10.244.1.6', both],
];

for (const [what, more, args, expected] of requests) {
  test.serial(`an address is asked for by ${what}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const outcome = await call(node, 'ADD', configuration(lab, more), {
      netns: pod.path,
      env: { CNI_ARGS: args },
    });
    t.deepEqual(podIPs(succeeded(outcome)), expected);
  });
}

const refusals: [string, Config, number, RegExp][] = [
  [
    'in use',
    { runtimeConfig: { ips: ['10.244.1.2'] } },
    101,
    /10\.244\.1\.2 was requested, but eth0 of container first has it/,
  ],
  [
    'outside the pool',
    { runtimeConfig: { ips: ['10.9.9.9'] } },
    7,
    /10\.9\.9\.9 was requested, but 10\.244\.1\.0\/24 .* does not assign it/,
  ],
  ['the gateway', { runtimeConfig: { ips: ['fd00:10:244:1::1'] } }, 7, /does not assign it/],
  [
    'of an absent family',
    { ipFamilies: ['IPv4'], args: { cni: { ips: ['fd00:10:244:1::9'] } } },
    7,
    /gets no IPv6 address/,
  ],
  [
    'one of two of a family',
    { runtimeConfig: { ips: ['10.244.1.8', '10.244.1.9'] } },
    7,
    /10\.244\.1\.9 .* second IPv4 address/,
  ],
  ['no address', { runtimeConfig: { ips: ['here'] } }, 7, /runtimeConfig\.ips\[0\] must be an IP address/],
];

for (const [what, more, code, msg] of refusals) {
  test.serial(`an address that is asked for is refused when it is ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await addPod(lab, node, {}, 'first');
    const pod = await lab.pod();
    const error = failed(
      await call(node, 'ADD', configuration(lab, more), { netns: pod.path, containerID: 'second' }),
    );
    t.is(error.code, code);
    t.regex(error.msg, msg);
    t.is((await node.links()).length, 1);
  });
}

test.serial('mac, dns and ipRanges are what the runtime asks for', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const runtimeConfig = {
    mac: 'C2:11:22:33:44:55',
    dns: { servers: ['10.96.0.10', 'fd96::10'], searches: ['svc.cluster.local'], options: ['ndots:5'] },
    ipRanges: [
      [{ subnet: '10.7.0.0/24', rangeStart: '10.7.0.50', rangeEnd: '10.7.0.60', gateway: '10.7.0.254' }],
      [{ subnet: 'fd07::/64' }],
    ],
    portMappings: null,
    aliases: ['ignored'],
  };
  const { result, pod } = await addPod(lab, node, { runtimeConfig });
  t.deepEqual(podIPs(result), ['10.7.0.50', 'fd07::32']);
  t.is(result.ips[0]?.gateway, '10.7.0.254');
  t.is(result.interfaces[1]?.mac, 'c2:11:22:33:44:55');
  t.deepEqual(result.dns, {
    nameservers: ['10.96.0.10', 'fd96::10'],
    search: ['svc.cluster.local'],
    options: ['ndots:5'],
  });
  const [link] = await pod.ask<{ address: string }[]>('link', 'show', 'dev', 'eth0');
  t.is(link?.address, 'c2:11:22:33:44:55');
  await pod.run('ping', '-c', '1', '-W', '1', '10.7.0.254');
});

test.serial('ranges, exclude, gateways, mtu and routes of the configuration', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { result, pod } = await addPod(lab, node, {
    podCIDRs: undefined,
    ranges: [[{ subnet: '10.7.0.0/24', rangeStart: '10.7.0.10' }], [{ subnet: 'fd07::/64' }]],
    exclude: ['10.7.0.10/31', '10.7.0.12'],
    gateways: ['10.7.0.200', 'fd07::ffff'],
    mtu: 1400,
    routes: [
      { dst: '10.0.0.0/8' },
      { dst: 'fd00::/8', mtu: 1300 },
      { dst: '0.0.0.0/0', priority: 500 },
      { dst: '10.8.0.0/16', scope: 253 },
    ],
  });
  t.deepEqual(podIPs(result), ['10.7.0.13', 'fd07::d']);
  t.deepEqual(result.routes, [
    { dst: '10.0.0.0/8', gw: '10.7.0.200' },
    { dst: 'fd00::/8', gw: 'fd07::ffff' },
    { dst: '0.0.0.0/0', gw: '10.7.0.200' },
    { dst: '10.8.0.0/16' },
  ]);
  t.regex(await pod.run('ip', 'route'), /^default via 10\.7\.0\.200 dev eth0 metric 500/m);
  t.regex(await pod.run('ip', 'route'), /^10\.8\.0\.0\/16 dev eth0 scope link/m);
  t.regex(await pod.run('ip', '-6', 'route'), /^fd00::\/8 via fd07::ffff dev eth0 .*mtu 1300/m);
  t.regex(await pod.run('ip', 'link', 'show', 'dev', 'eth0'), /mtu 1400/);
});
