import test, { type ExecutionContext } from 'ava';
import { Chain, podIPs, type Result } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab } from '../lab/namespaces.ts';
import { dataDirOf, podCIDRs } from '../lab/pods.ts';
import { ask, ping, serve } from '../lab/probes.ts';
import { kernelState, storeTraces } from '../lab/traces.ts';

const nodeIPs = ['192.0.2.10', '2001:db8::10'];
const worldIPs = ['192.0.2.1', '2001:db8::1'];
const ownIPs = ['10.244.1.2', 'fd00:10:244:1::2'];

type Plugin = { type: string } & Record<string, unknown>;

const ours = { type: 'dualstack', podCIDRs };

/** A node between a pod and a world that knows the way to it. */
interface Place {
  readonly lab: Lab;
  readonly node: Namespace;
  readonly world: Namespace;
  readonly pod: Namespace;
}

async function openPlace(lab: Lab): Promise<Place> {
  const [node, pod] = [await lab.node(), await lab.pod()];
  const world = await lab.outside(node);
  for (const [index, podCIDR] of podCIDRs.entries()) {
    await world.run('ip', 'route', 'add', podCIDR, 'via', nodeIPs[index] ?? '');
  }
  return { lab, node, world, pod };
}

function chainOf(
  { lab, node }: Pick<Place, 'lab' | 'node'>,
  plugins: readonly Plugin[],
  capabilities = {},
): Chain {
  const list = plugins.map((plugin) =>
    plugin.type === 'dualstack' ? { ...plugin, dataDir: dataDirOf(lab) } : plugin,
  );
  return new Chain(node, { cniVersion: '1.0.0', name: 'pods', plugins: list }, capabilities);
}

/**
 * A chain comes, is checked, is looked at, and goes, twice, leaving no link, no lease and no rule for the pod.
 * Debian's portmap (1.1.1) is not checked: it looks for its IPv4 rules in ip6tables, whatever made the pod.
 */
async function live(
  t: ExecutionContext,
  { lab, node, pod }: Place,
  plugins: readonly Plugin[],
  look: (result: Result) => Promise<void>,
  capabilities: object = {},
): Promise<void> {
  const links = await node.links();
  const chain = chainOf({ lab, node }, plugins, capabilities);
  const invocation = { netns: pod.path, containerID: 'chained' };

  const result = await chain.add(invocation);
  t.deepEqual(
    podIPs(result).filter((ip) => ownIPs.includes(ip)),
    ownIPs,
  );
  const checkable = plugins.filter(({ type }) => type !== 'portmap');
  await chainOf({ lab, node }, checkable, capabilities).check(invocation, result);
  await look(result);
  await chain.del(invocation, result);
  await chain.del({ containerID: 'chained' });

  t.deepEqual(await node.links(), links);
  t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  t.notRegex(await kernelState(node), /10\.244\.1\.2\b|fd00:10:244:1::2\b/);
}

test.serial('portmap behind ours publishes a port of the node, in both families', async (t) => {
  await using lab = await openLab();
  const place = await openPlace(lab);
  await using server = await serve(place.pod, 'tcp');
  const portMappings = [{ hostPort: 8080, containerPort: server.port, protocol: 'tcp' }];
  const portmap = { type: 'portmap', capabilities: { portMappings: true } };
  const look = async () => {
    for (const [index, nodeIP] of nodeIPs.entries()) {
      t.is(await ask(place.world, 'tcp', nodeIP, 8080), worldIPs[index] ?? '');
    }
  };
  await live(t, place, [ours, portmap], look, { portMappings });
  for (const nodeIP of nodeIPs) await t.throwsAsync(ask(place.world, 'tcp', nodeIP, 8080));
});

test.serial(
  'bandwidth behind ours shapes the host end and an ifb of its own, and packets pass',
  async (t) => {
    await using lab = await openLab();
    const place = await openPlace(lab);
    const [rate, burst] = [20e6, 1e6];
    const limits = { ingressRate: rate, ingressBurst: burst, egressRate: rate, egressBurst: burst };
    await live(t, place, [ours, { type: 'bandwidth', ...limits }], async ({ interfaces }) => {
      const [host, ifb] = [interfaces[0]?.name ?? '', interfaces[2]?.name ?? ''];
      for (const link of [host, ifb]) {
        t.regex(await place.node.run('tc', 'qdisc', 'show', 'dev', link), /^qdisc tbf .* rate 20Mbit/m);
      }
      t.regex(await place.node.run('tc', 'qdisc', 'show', 'dev', host), /^qdisc ingress/m);
      for (const ip of ownIPs) await t.notThrowsAsync(ping(place.world, ip));
      for (const ip of worldIPs) await t.notThrowsAsync(ping(place.pod, ip));
    });
  },
);

test.serial('tuning behind ours sets switches, MTU and promiscuity of the pod', async (t) => {
  await using lab = await openLab();
  const place = await openPlace(lab);
  const sysctl = { 'net.ipv4.conf.eth0.send_redirects': '0', 'net.ipv6.conf.eth0.hop_limit': '50' };
  await live(t, place, [ours, { type: 'tuning', mtu: 1400, promisc: true, sysctl }], async () => {
    t.regex(await place.pod.run('ip', 'link', 'show', 'dev', 'eth0'), /PROMISC.* mtu 1400/);
    t.is(await place.pod.run('cat', '/proc/sys/net/ipv6/conf/eth0/hop_limit'), '50');
    for (const ip of ownIPs) await t.notThrowsAsync(ping(place.world, ip));
  });
});

test.serial(
  'a MAC address that tuning gives the pod is not the one that the node knows: CHECK says so',
  async (t) => {
    await using lab = await openLab();
    const place = await openPlace(lab);
    const chain = chainOf(place, [ours, { type: 'tuning', mac: 'c2:11:22:33:44:55' }]);
    const invocation = { netns: place.pod.path, containerID: 'chained' };
    const result = await chain.add(invocation);
    const message = /permanent neighbour 10\.244\.1\.2 is missing/;
    await t.throwsAsync(chain.check(invocation, result), { message });
    await chain.del(invocation, result);
  },
);

test.serial(
  'firewall behind ours lets the pod’s packets through a host that drops what it forwards',
  async (t) => {
    await using lab = await openLab();
    const place = await openPlace(lab);
    for (const iptables of ['iptables', 'ip6tables']) await place.node.run(iptables, '-P', 'FORWARD', 'DROP');
    await live(t, place, [ours, { type: 'firewall', backend: 'iptables' }], async () => {
      for (const ip of worldIPs) await t.notThrowsAsync(ping(place.pod, ip));
      for (const ip of ownIPs) await t.throwsAsync(ping(place.world, ip));
    });
  },
);

test.serial('ours behind another plugin passes on what that made, and adds to it', async (t) => {
  await using lab = await openLab();
  const place = await openPlace(lab);
  const tuning = { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } };
  await live(t, place, [{ type: 'loopback' }, ours, tuning], async ({ interfaces, ips }) => {
    t.deepEqual(interfaces.map(({ name }) => name).toSpliced(1, 1), ['lo', 'eth0']);
    t.deepEqual(
      ips.map((ip) => [ip.address, interfaces[ip.interface]?.name]),
      [
        ['127.0.0.1/8', 'lo'],
        ['::1/128', 'lo'],
        ['10.244.1.2/32', 'eth0'],
        ['fd00:10:244:1::2/128', 'eth0'],
      ],
    );
    for (const ip of ownIPs) await t.notThrowsAsync(ping(place.world, ip));
  });
});
