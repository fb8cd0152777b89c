import test from 'ava';
import { call, type Invocation, succeeded } from '../lab/cni.ts';
import { both, look, mirrorIn } from '../lab/mirror.ts';
import { openLab } from '../lab/namespaces.ts';
import { type Config, configuration } from '../lab/pods.ts';
import { confDirOf, tool, writeConflist } from '../lab/tool.ts';

/** Starts a program where no file gives names to numbers: minimal hosts and images lack netbase. */
const nameless = [
  'unshare',
  '--mount',
  'sh',
  '-ec',
  `for file in /etc/protocols /etc/services /etc/networks /etc/ethertypes; do
     [ ! -e $file ] || mount --bind /dev/null $file
   done
   for folder in /etc/iproute2 /usr/share/iproute2; do
     [ ! -e $folder ] || mount -t tmpfs none $folder
   done
   exec "$0" "$@"`,
];

const portMappings = [
  { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
  { hostPort: 8080, containerPort: 80, protocol: 'udp' },
  { hostPort: 8080, containerPort: 80, protocol: 'sctp' },
  { hostPort: 8081, containerPort: 80, protocol: 'tcp', hostIP: '192.0.2.10' },
];
const published: Config = { cniVersion: '1.1.0', capabilities: { portMappings: true } };
const quiet = { status: 0, stdout: '', stderr: '' };

test.serial('without files of names every verb, doctor and repair know host ports again', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const world = await lab.outside(node);
  await writeConflist(lab, published);
  const config = configuration(lab, { ...published, runtimeConfig: { portMappings } });
  const how: Invocation = { netns: pod.path, under: nameless };
  const doctor = () => tool(node, ['doctor', '--conf-dir', confDirOf(lab), '--json'], { under: nameless });
  const tableFindings = async () =>
    (JSON.parse((await doctor()).stdout) as { findings: { check: string; level: string }[] }).findings
      .filter(({ check }) => check === 'nftables table')
      .map(({ level }) => level);

  const prevResult = succeeded(await call(node, 'ADD', config, how));
  await using _ = await mirrorIn(pod, 80);
  t.deepEqual(await look(world, ['192.0.2.10', '2001:db8::10'], 8080), both(['192.0.2.1', '2001:db8::1']));
  for (const under of [nameless, []]) {
    t.deepEqual(await call(node, 'CHECK', { ...config, prevResult }, { ...how, under }), quiet);
    t.deepEqual(await call(node, 'STATUS', config, { containerID: '', ifname: '', under }), quiet);
  }
  t.deepEqual(await tableFindings(), ['ok']);
  const valid = [{ containerID: 'container-1', ifname: 'eth0' }];
  const list = { ...config, 'cni.dev/valid-attachments': valid };
  t.deepEqual(await call(node, 'GC', list, { ...how, containerID: '', ifname: '' }), quiet);
  t.deepEqual(await call(node, 'CHECK', { ...config, prevResult }, how), quiet);
  await node.run('nft', 'delete', 'element', 'inet', 'dualstack', 'ports_ipv4', '{ udp . 8080 }');
  t.deepEqual(await tableFindings(), ['broken']);
  t.is((await tool(node, ['repair'], { under: nameless })).status, 0);
  t.deepEqual(await call(node, 'CHECK', { ...config, prevResult }, how), quiet);
  t.deepEqual(await call(node, 'DEL', { ...config, prevResult }, how), quiet);
  // The uplinks stay: they are the node's.
  const left = await node.run('nft', 'list', 'table', 'inet', 'dualstack');
  t.is(left.match(/elements = \{/g)?.length, 1);
  t.regex(left, /set uplinks \{[^}]*elements = \{/);
});
