import test from 'ava';
import { call, succeeded } from '../lab/cni.ts';
import { type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, configuration, dataDirOf } from '../lab/pods.ts';
import { kernelState, storeTraces } from '../lab/traces.ts';

const second = { name: 'second', podCIDRs: ['10.9.1.0/24', 'fd00:9:1::/64'] };

/** Without the multicast routes, which the kernel adds in its own time; in no order, for it lists some twice then. */
async function stateOf(namespace: Namespace): Promise<Set<string>> {
  const lines = (await kernelState(namespace)).split('\n');
  return new Set(lines.filter((line) => !line.startsWith('multicast')).sort());
}

test.serial(
  'a second interface of a pod leaves the default routes of the first in place, and goes alone',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const first = await addPod(lab, node);
    const before = [await stateOf(first.pod), await stateOf(node), await storeTraces(dataDirOf(lab))];
    const more = { containerID: first.containerID, ifname: 'net1', netns: first.pod.path };
    const config = configuration(lab, second);

    const outcome = await call(node, 'ADD', config, more);
    const prevResult = succeeded(outcome);
    t.deepEqual(prevResult.routes, []);
    t.is(
      outcome.stderr,
      'dualstack: the pod has a route to 0.0.0.0/0: that of net1 is left out\n' +
        'dualstack: the pod has a route to ::/0: that of net1 is left out',
    );
    for (const target of ['10.9.1.2', 'fd00:9:1::2', '10.244.1.2', 'fd00:10:244:1::2'])
      await node.run('ping', '-c', '1', '-W', '5', target);
    t.is((await call(node, 'CHECK', { ...config, prevResult }, more)).status, 0);
    t.is((await call(node, 'CHECK', first.config, { netns: first.pod.path })).status, 0);

    t.is((await call(node, 'DEL', config, more)).status, 0);
    t.deepEqual([await stateOf(first.pod), await stateOf(node), await storeTraces(dataDirOf(lab))], before);
  },
);

test.serial(
  'a route that was asked for and is there already is an error, and nothing is left of the ADD',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const first = await addPod(lab, node);
    const before = await stateOf(first.pod);
    const config = configuration(lab, { ...second, routes: [{ dst: '0.0.0.0/0' }] });
    const outcome = await call(node, 'ADD', config, {
      containerID: first.containerID,
      ifname: 'net1',
      netns: first.pod.path,
    });
    t.is(outcome.status, 1);
    t.regex(outcome.stdout, /route add 0\.0\.0\.0\/0 via 10\.9\.1\.1 dev net1.*File exists/);
    t.deepEqual(await stateOf(first.pod), before);
  },
);
