import test from 'ava';
import { type CniSection, startContainerd } from '../lab/containerd.ts';
import { type Cri, connect, type Pod } from '../lab/crictl.ts';
import { installPlugins, sample, traces } from '../lab/install.ts';
import { startMachine } from '../lab/machine.ts';
import { toolPath } from './tools/go.ts';

const v4 = { podCIDR: '10.244.3.0/24', podIPs: ['10.244.3.2', '10.244.3.3'] };
const v6 = { podCIDR: 'fd00:10:244:3::/64', podIPs: ['fd00:10:244:3::2', 'fd00:10:244:3::3'] };

/** containerd's `ip_pref` decides over the plugin's order, unless it is "cni" (containerd, docs/cri/config.md). */
const orders: { title: string; cni: CniSection; podCIDRs: (typeof v4)[]; podIPs: (typeof v4)[] }[] = [
  { title: 'IPv4 first', cni: {}, podCIDRs: [v4, v6], podIPs: [v4, v6] },
  { title: 'IPv6 first, which ip_pref leaves unheard', cni: {}, podCIDRs: [v6, v4], podIPs: [v4, v6] },
  { title: 'IPv4 first, ip_pref cni', cni: { ip_pref: 'cni' }, podCIDRs: [v4, v6], podIPs: [v4, v6] },
  { title: 'IPv6 first, ip_pref cni', cni: { ip_pref: 'cni' }, podCIDRs: [v6, v4], podIPs: [v6, v4] },
];

for (const { title, cni, podCIDRs, podIPs } of orders) {
  test.serial(
    `podCIDRs ${title}: two pods have addresses in order, reach each other, and leave nothing`,
    async (t) => {
      const machine = await startMachine();
      t.teardown(machine.stop);
      await installPlugins(machine);
      const template = sample('containerd-template.conflist');
      const containerd = await startContainerd(machine, { ...cni, conf_template: template });
      const cri = await connect(await toolPath('crictl'), machine, containerd);

      await cri.setPodCIDRs(podCIDRs.map(({ podCIDR }) => podCIDR));
      const pods = [await runServer(cri, 'one'), await runServer(cri, 'two')] as const;
      for (const [index, pod] of pods.entries())
        t.deepEqual(
          pod.podIPs,
          podIPs.map((family) => family.podIPs[index]),
        );
      await t.notThrowsAsync(reach(pods[0], pods[1]));
      await t.notThrowsAsync(reach(pods[1], pods[0]));

      for (const pod of pods) await cri.removePod(pod);
      t.deepEqual(await traces(machine), []);
    },
  );
}

test.serial('the bandwidth annotations of a pod limit it', async (t) => {
  const machine = await startMachine();
  t.teardown(machine.stop);
  await installPlugins(machine);
  const template = sample('containerd-template.conflist');
  const containerd = await startContainerd(machine, { conf_template: template });
  const cri = await connect(await toolPath('crictl'), machine, containerd);
  await cri.setPodCIDRs([v4.podCIDR, v6.podCIDR]);

  const pod = await cri.runPod('slow', ['/bin/sleep', '86400'], {
    'kubernetes.io/ingress-bandwidth': '10M',
    'kubernetes.io/egress-bandwidth': '20M',
  });
  t.regex(
    await machine.run('tc', ['qdisc', 'show']),
    /^qdisc tbf \S+ dev vethds\S+ root refcnt \d+ rate 10Mbit /m,
  );
  const [namespace = ''] = (await machine.run('ip', ['netns', 'list'])).split(' ');
  const inPod = await machine.run('tc', ['-netns', namespace, 'qdisc', 'show', 'dev', 'eth0']);
  t.regex(inPod, /^qdisc tbf .* rate 20Mbit /);
  await cri.removePod(pod);
  t.deepEqual(await traces(machine), []);
});

const port = 8080;

/** Serves the image's own /bin; any file does. */
function runServer(cri: Cri, name: string): Promise<Pod> {
  return cri.runPod(name, ['/bin/httpd', '-f', '-p', `${port}`, '-h', '/bin']);
}

/** ICMP, and HTTP over TCP, to each address of the other pod. */
async function reach(from: Pod, to: Pod): Promise<void> {
  for (const address of to.podIPs) {
    const host = address.includes(':') ? `[${address}]` : address;
    await from.exec('/bin/ping', '-c', '1', '-W', '2', address);
    await from.exec('/bin/wget', '-q', '-O', '/dev/null', `http://${host}:${port}/true`);
  }
}
