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
      'dualstack: the pod has a route to 0.0.0.0/0: the route of net1 is left out\n' +
        'dualstack: the pod has a route to ::/0: the route of net1 is left out',
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

test.serial(
  'two interfaces of a pod in one network live side by side: each answers, and goes alone',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await lab.outside(node);
    const first = await addPod(lab, node);
    const before = [await stateOf(first.pod), await stateOf(node), await storeTraces(dataDirOf(lab))];
    const more = { containerID: first.containerID, ifname: 'net1', netns: first.pod.path };
    const { config } = first;
    const { prevResult: _, ...plain } = config;
    const prevResult = succeeded(await call(node, 'ADD', plain, more));
    t.deepEqual(prevResult.routes, []);
    const reach = async (targets: readonly string[]) => {
      for (const target of targets)
        for (const source of target.includes(':')
          ? ['fd00:10:244:1::1', '2001:db8::10']
          : ['10.244.1.1', '192.0.2.10'])
          await node.run('ping', '-c', '1', '-W', '5', '-I', source, target);
    };
    await reach(['10.244.1.2', 'fd00:10:244:1::2', '10.244.1.3', 'fd00:10:244:1::3']);
    t.is((await call(node, 'CHECK', { ...plain, prevResult }, more)).status, 0);
    t.is((await call(node, 'CHECK', config, { netns: first.pod.path })).status, 0);
    t.is((await call(node, 'DEL', { ...plain, prevResult }, more)).status, 0);
    t.is((await call(node, 'CHECK', config, { netns: first.pod.path })).status, 0);
    await reach(['10.244.1.2', 'fd00:10:244:1::2']);
    t.deepEqual([await stateOf(first.pod), await stateOf(node), await storeTraces(dataDirOf(lab))], before);
  },
);

test.serial('the first of two interfaces in one network goes, and the second stays', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const first = await addPod(lab, node);
  const more = { containerID: first.containerID, ifname: 'net1', netns: first.pod.path };
  const { prevResult: _, ...plain } = first.config;
  const prevResult = succeeded(await call(node, 'ADD', plain, more));
  t.is((await call(node, 'DEL', first.config, { netns: first.pod.path })).status, 0);
  t.is((await call(node, 'CHECK', { ...plain, prevResult }, more)).status, 0);
  for (const target of ['10.244.1.3', 'fd00:10:244:1::3'])
    await node.run('ping', '-c', '1', '-W', '5', target);
});
