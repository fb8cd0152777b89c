import test from 'ava';
import { addressing } from './checks/addressing.ts';
import { balancedPaths } from './checks/balanced-paths.ts';
import { life } from './checks/life.ts';
import { podPaths } from './checks/pod-paths.ts';
import { replacedServer } from './checks/replaced-server.ts';
import { servicePaths } from './checks/service-paths.ts';
import { services } from './checks/services.ts';
import { type Cluster, type Configuration, startCluster } from './harness/cluster.ts';

const checks = [
  ...addressing,
  ...services,
  ...podPaths,
  ...servicePaths,
  ...balancedPaths,
  ...replacedServer,
  ...life,
];

/** Declares all checks as tests of one cluster. */
export function hold(configuration: Configuration): void {
  let cluster: Cluster;

  test.before('the cluster starts', async (t) => {
    const start = performance.now();
    cluster = await startCluster(configuration);
    t.log(`up after ${Math.round((performance.now() - start) / 1000)} s`);
  });

  test.afterEach.always(async (t) => {
    if (!t.passed) t.log(await cluster.evidence.take());
  });

  test.after.always(() => cluster?.[Symbol.asyncDispose]());

  for (const { title, run } of checks) test.serial(title, (t) => run(t, cluster));
}
