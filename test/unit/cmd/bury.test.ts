import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openStore } from '../../../cmd/cni/call.ts';
import type { Run } from '../../../netns/process/exec.ts';
import { openNode } from '../../lab/fake-node.ts';
import { asIpamPlugin, asPlugin, type InProcessOutcome } from '../../lab/in-process.ts';
import { watchFiles } from '../../lab/watched-files.ts';

watchFiles();

const asking = (...ips: string[]) => ({ runtimeConfig: { ips } });

/** Three pods at 10.0.0.2 to .4, of which the first two are dead. */
async function withTwoDead(t: ExecutionContext) {
  const node = openNode(t);
  for (const name of ['a', 'b', 'c']) t.is((await node.add(name)).status, 0);
  node.die('a', 'b');
  return node;
}

const requests: [what: string, ips: string[], code: number | undefined, gone: string[]][] = [
  ['an address that a living pod has: nobody', ['10.0.0.4'], 101, []],
  ['an IPv6 address that a living pod has: nobody', ['fd00::4'], 101, []],
  ['an address that is free: nobody', ['10.0.0.5'], undefined, []],
  ['an address that a dead pod has: this one', ['10.0.0.2'], undefined, ['a']],
  ['an IPv6 address that a dead pod has: this one', ['fd00::3'], undefined, ['b']],
  [
    'addresses of both families that two dead pods have: these',
    ['10.0.0.2', 'fd00::3'],
    undefined,
    ['a', 'b'],
  ],
  ['a dead pod’s and a living one’s: the dead one', ['10.0.0.2', 'fd00::4'], 101, ['a']],
  ['an address outside the pool: nobody', ['10.9.9.9'], 7, []],
];

for (const [what, ips, code, gone] of requests) {
  test(`who goes for a request of ${what}`, async (t) => {
    const node = await withTwoDead(t);
    const { object, output } = await node.add('new', asking(...ips));
    t.is(object?.['code'], code, output);
    const expected = ['a', 'b', 'c', ...(code === undefined ? ['new'] : [])];
    t.deepEqual(
      node.known(),
      expected.filter((name) => !gone.includes(name)),
    );
  });
}

test('a pool that is exhausted takes back addresses of its own alone', async (t) => {
  const node = openNode(t, { exclude: ['10.0.0.6'] });
  const single = { podCIDRs: ['fd00::/64'], exclude: [] };
  for (const name of ['six', 'also-six']) t.is((await node.add(name, single)).status, 0);
  for (const name of ['a', 'b', 'c', 'd']) t.is((await node.add(name)).status, 0);
  node.die('six', 'also-six');
  t.is((await node.add('full')).object?.['code'], 100);
  t.deepEqual(node.known(), ['a', 'also-six', 'b', 'c', 'd', 'six']);
  node.die('c');
  t.is((await node.add('new')).status, 0);
  t.deepEqual(node.known(), ['a', 'also-six', 'b', 'd', 'new', 'six']);
});

test('STATUS of an exhausted pool counts on those alone who have an address of it', async (t) => {
  const node = openNode(t, { notReadyWhenFull: true });
  t.is((await node.add('six', { podCIDRs: ['fd00::/64'] })).status, 0);
  for (const name of ['a', 'b', 'c', 'd', 'e']) t.is((await node.add(name)).status, 0);
  node.die('six');
  t.regex((await node.call('STATUS', 'any')).output, /no address is left/);
  node.die('a');
  t.notRegex((await node.call('STATUS', 'any')).output, /no address is left/);
});

test('a pod that is being added is not dead, be the path of its namespace gone', async (t) => {
  const node = openNode(t, { podCIDRs: ['10.0.0.0/30', 'fd00::/126'], exclude: ['fd00::3'] });
  node.live('first');
  let other: Promise<InProcessOutcome> | undefined;
  const overtake = () => {
    node.forgetPath('first');
    return node.add('second');
  };
  const run: Run = async (command) => {
    other ??= overtake();
    await other;
    return node.kernel.run(command);
  };
  const first = await node.call('ADD', 'first', {}, { run });
  t.is(first.status, 0, first.output);
  t.is((await other)?.object?.['code'], 100);
  t.deepEqual(node.known(), ['first']);
  t.is((await node.call('ADD', 'second')).status, 0, 'it is dead when its ADD has ended');
});

for (const [what, as] of [
  ['dualstack', asPlugin],
  ['dualstack-ipam', asIpamPlugin],
] as const) {
  test(`a process that serves many calls is not at adding for ever what it added: ${what}`, async (t) => {
    const node = openNode(t);
    node.live('one');
    const ipam = { type: 'dualstack-ipam', dataDir: node.dataDir, podCIDRs: ['10.0.0.0/29', 'fd00::/64'] };
    const added = await node.call('ADD', 'one', as === asIpamPlugin ? { ipam } : {}, { as });
    t.is(added.status, 0, added.output);
    const known = openStore({ dataDir: node.dataDir, name: 'pods' }).known();
    t.deepEqual(
      known.map(({ isBeingAdded }) => isBeingAdded),
      [false],
    );
  });
}

test('an ADD of dualstack-ipam that fails leaves nothing, and says why', async (t) => {
  const node = openNode(t);
  const own = { type: 'dualstack-ipam', dataDir: node.dataDir, podCIDRs: ['10.0.0.0/30', 'fd00::/126'] };
  const ipam = { ...own, exclude: ['fd00::3'] };
  for (const [name, code] of [
    ['first', undefined],
    ['second', 100],
    ['third', 100],
  ] as const) {
    node.live(name);
    const { object, output } = await node.call('ADD', name, { ipam }, { as: asIpamPlugin });
    t.is(object?.['code'], code, output);
    t.deepEqual(node.known(), ['first']);
  }
});

/** Executables of this name in the folder that CNI_PATH names; what they answer is the fake kernel's matter. */
function withDelegate(t: ExecutionContext, more: object = {}) {
  const node = openNode(t, { ipam: { type: 'host-local' }, ...more });
  const asked: string[] = [];
  writeFileSync(join(node.folder, 'host-local'), '');
  chmodSync(join(node.folder, 'host-local'), 0o755);
  let given = 1;
  node.kernel.interfere = ({ program, env }) => {
    if (!program.endsWith('/host-local')) return undefined;
    const verb = env?.['CNI_COMMAND'] ?? '';
    asked.push(`${verb} ${env?.['CNI_CONTAINERID']}`);
    if (verb !== 'ADD') return {};
    given++;
    const ips = [{ address: `10.1.0.${given}/24`, gateway: '10.1.0.1' }];
    return { stdout: JSON.stringify({ cniVersion: '1.1.0', ips }) };
  };
  return { ...node, asked };
}

const port = { runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80 }] } };

for (const [what, end] of [
  ['its DEL', 'DEL'],
  ['GC without a list', 'GC'],
] as const) {
  test(`a dead pod of a delegate gives up its host port, and its address with ${what}`, async (t) => {
    const node = withDelegate(t);
    t.is((await node.add('old', port)).status, 0);
    node.die('old');
    const added = await node.add('new', port);
    t.is(added.status, 0, added.output);
    t.deepEqual(node.asked, ['ADD old', 'ADD new']);
    t.deepEqual(node.known(), ['new', 'old']);
    t.is((await node.call(end, 'old')).status, 0);
    t.true(node.asked.includes('DEL old'), node.asked.join());
    t.deepEqual(node.known(), ['new']);
    t.is(node.kernel.nft.elements.filter((element) => element.includes('8080')).length, 1);
  });
}

test('the same where the dead pod is of another network, which has the delegate', async (t) => {
  const node = withDelegate(t);
  t.is((await node.add('old', { ...port, name: 'others' })).status, 0);
  node.die('old');
  t.is((await node.add('new', { ...port, ipam: {} })).status, 0);
  t.deepEqual([node.known(), node.known('others')], [['new'], ['old']]);
  t.is((await node.call('DEL', 'old', { name: 'others' })).status, 0);
  t.deepEqual(node.asked, ['ADD old', 'DEL old']);
  t.deepEqual(node.known('others'), []);
});
