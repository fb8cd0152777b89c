import { join } from 'node:path';
import { execa } from 'execa';
import { commandBlocks } from '../../lab/documents.ts';
import { systemPath } from '../../lab/namespaces.ts';

import { plans, starting } from '../harness/addresses.ts';
import type { Cluster } from '../harness/cluster.ts';
import { kubernetesFolder } from '../tools/tools.ts';
import type { Check } from './check.ts';
import { withPods } from './fixtures.ts';
import { pod, webPort } from './workloads.ts';

const podIPs = { name: 'MY_POD_IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } };

/** An answer without what differs from cluster to cluster: addresses by their family, ports, ages, widths of columns. */
function shapeOf(answer: string): string {
  return answer
    .trim()
    .replace(/\b\d+(\.\d+){3}\b/g, 'IPv4')
    .replace(/\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){2,7}/g, 'IPv6')
    .replace(/:\d{4,5}\b/g, ':PORT')
    .replace(/\b\d+s$/gm, 'AGE')
    .replace(/[ \t]+/g, ' ');
}

/** What a load balancer does for a Service that wants one and has none. */
async function balance({ kubectl, configuration }: Cluster): Promise<void> {
  const ingress = starting(configuration.first).map((family) => ({ ip: plans[family].balanced.host(80) }));
  const patch = JSON.stringify({ status: { loadBalancer: { ingress } } });
  for (const { metadata, spec, status } of await kubectl.items('services'))
    if (spec.type === 'LoadBalancer' && !status.loadBalancer.ingress)
      await kubectl.run('patch', 'service', metadata.name, '--subresource=status', '-p', patch);
}

/** The web server outside, until it is told to end. */
function serveOutside({ network }: Cluster) {
  const words = ['netns', 'exec', network.world.name, join(kubernetesFolder, 'agnhost')];
  const server = execa('ip', [...words, 'netexec', `--http-port=${webPort}`, '--udp-port=-1'], {
    env: { PATH: systemPath },
    reject: false,
  });
  return {
    async [Symbol.asyncDispose]() {
      server.kill();
      await server;
    },
  };
}

/** For a cluster whose first family is IPv4, as the document's. */
export const validation: readonly Check[] = [
  {
    title: 'each command of docs/validate.md gives the answer that stands below it',
    async run(t, cluster) {
      const { kubectl, controlPlane, workers } = cluster;
      const [worker] = workers;
      if (!worker) throw new Error('a cluster has nodes');
      await using _server = serveOutside(cluster);
      const blocks = (await commandBlocks('validate.md')).filter(({ isLocal }) => !isLocal);
      const pod01 = pod('pod01', {
        node: worker.host.name,
        labels: { app: 'MyApp' },
        container: { env: [podIPs] },
      });
      await withPods(cluster, [pod01], async () => {
        try {
          for (const { text, answer = '' } of blocks) {
            t.is(shapeOf(await controlPlane.host.type(text)), shapeOf(answer), text);
            await balance(cluster);
          }
        } finally {
          await kubectl.run(
            'delete',
            'service',
            '--ignore-not-found',
            'my-service',
            'my-ipv6',
            'my-balanced',
          );
        }
      });
    },
  },
];
