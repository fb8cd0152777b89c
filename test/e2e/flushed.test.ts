import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed, podIPs, succeeded } from '../lab/cni.ts';
import { both, look, mirrorIn } from '../lab/mirror.ts';
import { openLab, systemPath } from '../lab/namespaces.ts';
import { addPod, type Config, configuration } from '../lab/pods.ts';
import { tool } from '../lab/tool.ts';

const nodeIPs = ['192.0.2.10', '2001:db8::10'];
const outside = ['192.0.2.1', '2001:db8::1'];

const published: Config = {
  runtimeConfig: {
    portMappings: [
      { hostPort: 8080, containerPort: 80 },
      { hostPort: 8080, containerPort: 80, protocol: 'udp' },
    ],
  },
};

test.serial('repair brings back the table for networks of all folders, by one word', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const world = await lab.outside(node);
  const one = await addPod(lab, node, published, 'one');
  const elsewhere = {
    name: 'others',
    dataDir: join(lab.folder, 'elsewhere'),
    podCIDRs: ['10.7.0.0/24', 'fd07::/64'],
  };
  const other = await addPod(lab, node, elsewhere, 'other');
  t.regex((await tool(node, ['repair'])).stdout, /as they should be, for 2 attachments/);
  await node.run('nft', 'flush', 'ruleset');
  const { status, stdout } = await tool(node, ['repair']);
  t.is(status, 0);
  t.regex(
    stdout,
    /mended: nftables table inet dualstack is missing\nWiring and firewall are whole again, for 2 attachments\./,
  );
  for (const { config, pod, containerID } of [one, other]) {
    const check = await call(node, 'CHECK', config, { netns: pod.path, containerID });
    t.is(check.status, 0, check.stdout);
  }
  await using _ = await mirrorIn(one.pod, 80);
  t.deepEqual(await look(world, nodeIPs, 8080), both(outside));
  await using far = await mirrorIn(world);
  for (const { pod } of [one, other]) t.deepEqual(await look(pod, outside, far.port), both(nodeIPs));
});

test.serial('repair without a pod has nothing to do, and makes no table', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  t.regex((await tool(node, ['repair'])).stdout, /^Nothing to repair/);
  t.is(await node.run('nft', 'list', 'ruleset'), '');
});

test.serial(
  'running pods keep their way out when podCIDRs and clusterCIDRs change, in both families',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const world = await lab.outside(node);
    const old = await addPod(lab, node, {}, 'old');
    const changed = { podCIDRs: ['10.99.0.0/24', 'fd99::/64'], clusterCIDRs: ['10.96.0.0/11', 'fd99::/48'] };
    const young = await addPod(lab, node, changed, 'young');
    await using far = await mirrorIn(world);
    for (const { pod } of [old, young]) t.deepEqual(await look(pod, outside, far.port), both(nodeIPs));
    // The pod is right; what was configured since is not its own.
    const config = { ...configuration(lab, changed), prevResult: old.result };
    const check = await call(node, 'CHECK', config, { netns: old.pod.path, containerID: 'old' });
    t.is(check.status, 0, check.stdout);
  },
);

const linkLocal: [string, Config, string | null][] = [
  ['by default', {}, '169.254.0.1'],
  ['not masqueraded', { masqLinkLocal: false }, null],
];

for (const [what, more, source] of linkLocal) {
  test.serial(`a pod and the link-local addresses of clouds, 169.254.169.254: ${what}`, async (t) => {
    await using lab = await openLab();
    const [node, cloud] = [await lab.node(), await lab.namespace('cloud')];
    await lab.cable(
      { namespace: node, link: 'uplink', addresses: ['169.254.0.1/16'] },
      { namespace: cloud, link: 'eth0', addresses: ['169.254.169.254/16'] },
    );
    const { pod } = await addPod(lab, node, more);
    await using mirror = await mirrorIn(cloud);
    t.deepEqual(await look(pod, ['169.254.169.254'], mirror.port), both([source]));
  });
}

test.serial(
  'a pod with an IPv4 host port does not reach the node’s 127.0.0.1, with the table and without',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const { pod } = await addPod(lab, node, published);
    await pod.run(
      'sysctl',
      '-qw',
      'net.ipv4.conf.all.route_localnet=1',
      'net.ipv4.conf.eth0.route_localnet=1',
    );
    await pod.run('ip', 'address', 'delete', '127.0.0.1/8', 'dev', 'lo');
    await pod.run('ip', 'route', 'add', '127.0.0.1', 'via', '10.244.1.1', 'dev', 'eth0', 'src', '10.244.1.2');
    await using mirror = await mirrorIn(node);
    t.deepEqual(await look(pod, ['127.0.0.1'], mirror.port), both([null]));
    await node.run('nft', 'flush', 'ruleset');
    t.deepEqual(await look(pod, ['127.0.0.1'], mirror.port), both([null]), 'the ruleset was flushed');
    t.deepEqual(await look(pod, ['10.244.1.1'], mirror.port), both(['10.244.1.2']), 'the way itself is open');
  },
);

for (const [what, body] of [
  ['crashes', 'kill -SEGV $$'],
  ['refuses all', 'echo no >&2; exit 1'],
] as const) {
  test.serial(`DEL succeeds with an nft that ${what}, and the next call removes what it left`, async (t) => {
    await using lab = await openLab();
    const [node, folder] = [await lab.node(), join(lab.folder, 'bin')];
    const { config } = await addPod(lab, node, { ...published, cniVersion: '1.1.0' }, 'one');
    await node.run('mkdir', folder);
    await writeFile(join(folder, 'nft'), `#!/bin/sh\n${body}\n`);
    await chmod(join(folder, 'nft'), 0o755);
    const env = { PATH: `${folder}:${systemPath}` };
    const left = await call(node, 'DEL', config, { containerID: 'one', env });
    t.is(left.status, 0, left.stdout);
    t.regex(left.stderr, /firewall elements are left/);
    t.deepEqual(await node.links(), []);
    const { path } = await lab.pod();
    failed(await call(node, 'ADD', configuration(lab), { netns: path, containerID: 'two', env }));
    t.regex(await node.run('nft', 'list', 'table', 'inet', 'dualstack'), /elements/);
    const result = succeeded(
      await call(node, 'ADD', configuration(lab, published), { netns: path, containerID: 'two' }),
    );
    t.is(podIPs(result).length, 2);
    t.notRegex(await node.run('nft', 'list', 'table', 'inet', 'dualstack'), /10\.244\.1\.2\b/);
  });
}
