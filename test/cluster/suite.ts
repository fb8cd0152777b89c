import test from 'ava';
import { addressing } from './checks/addressing.ts';
import { balancedPaths } from './checks/balanced-paths.ts';
import type { Check } from './checks/check.ts';
import { life } from './checks/life.ts';
import { podPaths } from './checks/pod-paths.ts';
import { replacedServer } from './checks/replaced-server.ts';
import { servicePaths } from './checks/service-paths.ts';
import { services } from './checks/services.ts';
import { type Cluster, type Configuration, startCluster } from './harness/cluster.ts';
import { Results } from './harness/results.ts';

const checks = [
  ...addressing,
  ...services,
  ...podPaths,
  ...servicePaths,
  ...balancedPaths,
  ...replacedServer,
  ...life,
];

/** Declares all checks, and `more` before them, as tests of one cluster. Their results go to dist/cluster. */
export function hold(configuration: Configuration, more: readonly Check[] = []): void {
  const results = new Results();
  let cluster: Cluster;

  test.before('the cluster starts', async (t) => {
    const start = performance.now();
    cluster = await startCluster(configuration);
    results.note(t.title, true, start);
    await results.describe(cluster);
  });

  test.afterEach.always(async (t) => {
    if (!t.passed) t.log(await cluster.evidence.take());
  });

  test.after.always(() => cluster?.[Symbol.asyncDispose]());
  test.after.always(() => results.write(configuration));

  for (const { title, run } of [...more, ...checks])
    test.serial(title, async (t) => {
      const start = performance.now();
      let isPassed = false;
      try {
        await run(t, cluster);
        isPassed = true;
      } finally {
        results.note(title, isPassed, start);
      }
    });
}
