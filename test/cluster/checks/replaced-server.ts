import { lookFromPort } from '../../lab/mirror.ts';
import { until } from '../../lab/until.ts';
import { families } from '../harness/addresses.ts';
import type { Check } from './check.ts';
import { withPods, withServers, withService } from './fixtures.ts';
import { inPod } from './vantage.ts';
import { dualService, pod, webPort } from './workloads.ts';

const selector = { app: 'replaced' };

/** netexec's UDP server, which tells its name. */
const udp = { ports: [{ port: 80, targetPort: webPort, protocol: 'UDP' }], type: 'NodePort' };

/** A port of the client's own, so that to the kernel it is the same connection each time. */
const clientPort = 5353;

export const replacedServer: readonly Check[] = [
  {
    title:
      'a UDP client that asks on goes over to the server that replaces the first, from pods and from outside',
    run: (t, cluster) =>
      withServers(cluster, ({ pods }) =>
        withService(cluster, dualService('replaced', selector, udp), async ({ spec }) => {
          const { workers, network } = cluster;
          const asking = [
            ...pods.flatMap((from) =>
              spec.clusterIPs.map((address: string) => () => {
                const line = `echo hostname | nc -u -w 1 -p ${clientPort} ${address} 80`;
                return inPod(cluster, from).run('sh', '-c', line);
              }),
            ),
            ...workers.flatMap(({ host }) =>
              families.map((family) => () => {
                const { nodePort } = spec.ports[0];
                return lookFromPort(network.world, clientPort, host.address(family), nodePort, 'hostname');
              }),
            ),
          ] as (() => Promise<string>)[];
          const [first, , last] = workers.map(({ host }) => host.name);
          for (const [name, node] of [
            ['old', first],
            ['new', last],
          ] as const) {
            await withPods(cluster, [pod(name, { node: node ?? '', labels: selector })], async () => {
              for (const each of asking) {
                const attempt = async () => {
                  const answer = (await each()).trim();
                  if (answer !== name) throw new Error(`the answer is '${answer}'`);
                };
                await until(`an answer of the ${name} server`, attempt, 120_000);
                t.pass();
              }
            });
          }
        }),
      ),
  },
];
