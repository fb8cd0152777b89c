import test from 'ava';
import { addressing } from './checks/addressing.ts';
import { paths } from './checks/paths.ts';
import { services } from './checks/services.ts';
import { type Cluster, startCluster } from './harness/cluster.ts';
import { evidence } from './harness/evidence.ts';

let cluster: Cluster;

test.before('a cluster of three nodes, the last of the other preference', async (t) => {
  const start = performance.now();
  cluster = await startCluster({ first: 'IPv4', proxyMode: 'nftables', mixed: true });
  t.log(`up after ${Math.round((performance.now() - start) / 1000)} s`);
});

test.afterEach.always(async (t) => {
  const { controlPlane, workers } = cluster;
  const hosts = workers.map(({ host }) => host);
  if (!t.passed) t.log(await evidence(controlPlane.host, hosts));
});

test.after.always(() => cluster?.[Symbol.asyncDispose]());

for (const { title, run } of [...addressing, ...services, ...paths])
  test.serial(title, (t) => run(t, cluster));
