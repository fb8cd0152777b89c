import test, { type ExecutionContext } from 'ava';
import { call, failed, type Outcome, podIPs, type Result, succeeded } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { inParallel } from '../lab/parallel.ts';
import { configuration, dataDirOf } from '../lab/pods.ts';
import { kernelState, leases, storeTraces } from '../lab/traces.ts';

const count = 300;
const podCIDRs = ['10.244.0.0/23', 'fd00:10:244::/64'];

/** Code 11 is no error but a request to call again: what a machine gets that is too slow for so many at once. */
async function callUntilDone(t: ExecutionContext, ...args: Parameters<typeof call>): Promise<Outcome> {
  for (;;) {
    const outcome = await call(...args);
    if (outcome.status === 0 || failed(outcome).code !== 11) return outcome;
    t.log(`called again: ${failed(outcome).msg}`);
  }
}

/** What went wrong with calls of which none may fail. */
function errors(outcomes: readonly Outcome[]): string[] {
  return outcomes.filter(({ status }) => status !== 0).map(({ stdout, stderr }) => stdout + stderr);
}

test(`${count} pods at once come, and go, over one store: no error, no address twice, nothing left`, async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const before = await kernelState(node);
  const config = configuration(lab, { podCIDRs });
  const names = Array.from({ length: count }, (_, index) => `pod-${index}`);
  const pods = await inParallel(names, 4, async (containerID) => ({
    containerID,
    netns: (await lab.pod()).path,
  }));

  const added = await Promise.all(pods.map((pod) => callUntilDone(t, node, 'ADD', config, pod)));
  t.deepEqual(errors(added), []);
  const given = added.map((outcome): Result => succeeded(outcome)).flatMap(podIPs);
  t.is(new Set(given).size, 2 * count);
  t.deepEqual(await leases(dataDirOf(lab)), given.sort());
  t.is((await node.links()).length, count);

  const removed = await Promise.all(pods.map((pod) => callUntilDone(t, node, 'DEL', config, pod)));
  t.deepEqual(errors(removed), []);
  t.is(await kernelState(node), before);
  t.deepEqual(await storeTraces(dataDirOf(lab)), []);
});
