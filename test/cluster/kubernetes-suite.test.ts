import test from 'ava';
import { type Cluster, startCluster } from './harness/cluster.ts';
import { runSuite } from './harness/kubernetes-suite.ts';

let cluster: Cluster;

test.before('the cluster starts', async () => {
  cluster = await startCluster({ first: 'IPv4', proxyMode: 'nftables', mixed: false });
});

test.afterEach.always(async (t) => {
  if (!t.passed) t.log(await cluster.evidence.take());
});

test.after.always(() => cluster?.[Symbol.asyncDispose]());

/** SCTP takes a module of the kernel that not every machine has, these among them; Kubernetes marks its tests for that. */
const skip = '\\[Feature:SCTPConnectivity\\]';

test.serial("Kubernetes' own tests of dual-stack pass", async (t) => {
  t.timeout(60 * 60_000);
  const outcomes = await runSuite(cluster, '\\[Feature:IPv6DualStack\\]', skip);
  for (const { state, seconds, name } of outcomes) t.log(`${state} after ${seconds} s: ${name}`);
  const failed = outcomes.filter(({ state }) => state !== 'passed');
  t.deepEqual(failed, []);
  t.true(outcomes.some(({ name }) => name.includes('should function for node-Service: udp')));
});
