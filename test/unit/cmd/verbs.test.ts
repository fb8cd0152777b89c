import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Outcome } from '../../../netns/process/exec.ts';
import { FakeKernel } from '../../lab/fake-kernel.ts';
import { attachmentEnvironment, callInProcess, podNamespaces } from '../../lab/in-process.ts';
import { temporaryFolder } from '../../lab/stores.ts';
import { storeTraces } from '../../lab/traces.ts';
import { watchFiles } from '../../lab/watched-files.ts';

const watched = watchFiles();

/** A node whose kernel is not real, and one pod on it. */
function openNode(t: ExecutionContext, more: object = {}) {
  const kernel = new FakeKernel();
  const dataDir = join(temporaryFolder(t), 'data');
  const podCIDRs = ['10.0.0.0/24', 'fd00::/64'];
  const input = { cniVersion: '1.1.0', name: 'pods', dataDir, podCIDRs, sysctls: false, mtu: 1450, ...more };
  const call = (verb: string, changes: object = {}, environment: object = {}) =>
    callInProcess(verb, {
      environment: { ...attachmentEnvironment, ...environment },
      input: { ...input, ...changes },
      run: kernel.run,
    });
  return { kernel, dataDir, call };
}

type Node = ReturnType<typeof openNode>;

async function nothingIsLeft(t: ExecutionContext, { kernel, dataDir }: Node): Promise<void> {
  t.deepEqual([kernel.links, kernel.nft.elements], [[], []]);
  t.deepEqual(await storeTraces(dataDir), []);
}

test('ADD, CHECK, DEL: a whole result, nothing to complain about, nothing left', async (t) => {
  const node = openNode(t);
  const { object: result, output } = await node.call('ADD');
  const [hostEnd] = node.kernel.host.keys();
  t.deepEqual<unknown, unknown>(
    result,
    {
      cniVersion: '1.1.0',
      interfaces: [
        { name: hostEnd, mac: node.kernel.host.get(hostEnd ?? '')?.mac, mtu: 1450 },
        {
          name: 'eth0',
          mac: [...node.kernel.pods.values()][0]?.get('eth0')?.mac,
          mtu: 1450,
          sandbox: podNamespaces[0],
        },
      ],
      ips: [
        { address: '10.0.0.2/32', gateway: '10.0.0.1', interface: 1 },
        { address: 'fd00::2/128', gateway: 'fd00::1', interface: 1 },
      ],
      routes: [
        { dst: '0.0.0.0/0', gw: '10.0.0.1' },
        { dst: '::/0', gw: 'fd00::1' },
      ],
      dns: {},
    },
    output,
  );
  t.deepEqual(await node.call('CHECK', { prevResult: result }), {
    status: 0,
    output: '',
    object: undefined,
    warnings: [],
  });
  t.is((await node.call('DEL', { prevResult: result })).status, 0);
  await nothingIsLeft(t, node);
});

test('ADD writes settings of its own links alone when sysctls is false', async (t) => {
  watched.settings.clear();
  await openNode(t).call('ADD');
  for (const path of watched.settings.keys())
    t.regex(path, /^\/proc\/sys\/net\/ipv[46]\/conf\/vethds[0-9a-f]{9}\//);
});

test('a second ADD of the same attachment is refused, and takes nothing from the first', async (t) => {
  const node = openNode(t);
  await node.call('ADD');
  const traces = await storeTraces(node.dataDir);
  const { object } = await node.call('ADD');
  t.is(object?.['code'], 101);
  t.is(object?.['msg'], 'eth0 of container container-1 already has 10.0.0.2 and fd00::2');
  t.deepEqual(await storeTraces(node.dataDir), traces);
  t.is(node.kernel.links.length, 2);
});

test('CHECK names every lease, link, address and route that is missing', async (t) => {
  const node = openNode(t);
  const { object: prevResult } = await node.call('ADD');
  const link = [...node.kernel.pods.values()][0]?.get('eth0');
  if (!link) return t.fail();
  rmSync(`${node.dataDir}/pods/10.0.0.2`);
  link.addresses.splice(1, 1);
  link.routes.splice(0);
  link.up = false;
  const { object } = await node.call('CHECK', { prevResult });
  t.is(object?.['code'], 103);
  t.deepEqual(String(object?.['msg']).split('; '), [
    'the lease of 10.0.0.2 is missing',
    'interface eth0 is down in the pod',
    'address fd00::2 is missing on eth0 in the pod',
    'route to 10.0.0.1/32 is missing on eth0 in the pod',
    'route to fd00::1/128 is missing on eth0 in the pod',
    'route to 0.0.0.0/0 via 10.0.0.1 is missing on eth0 in the pod',
    'route to ::/0 via fd00::1 is missing on eth0 in the pod',
  ]);
});

test('CHECK names a route of the configuration that has no gateway of ours', async (t) => {
  const routes = [
    { dst: '10.50.0.0/16', scope: 253 },
    { dst: '10.60.0.0/16', gw: '10.50.0.1' },
  ];
  const node = openNode(t, { routes });
  const { object: prevResult } = await node.call('ADD');
  t.is((await node.call('CHECK', { prevResult })).status, 0);
  const link = [...node.kernel.pods.values()][0]?.get('eth0');
  link?.routes.splice(-2);
  const { object } = await node.call('CHECK', { prevResult });
  t.deepEqual(String(object?.['msg']).split('; '), [
    'route to 10.50.0.0/16 is missing on eth0 in the pod',
    'route to 10.60.0.0/16 via 10.50.0.1 is missing on eth0 in the pod',
  ]);
});

test('CHECK without an address of ours in prevResult', async (t) => {
  const node = openNode(t);
  await node.call('ADD');
  const prevResult = { interfaces: [], ips: [{ address: '192.0.2.7/24', gateway: '192.0.2.1' }] };
  const { object } = await node.call('CHECK', { prevResult });
  t.is(object?.['code'], 103);
  t.is(object?.['msg'], 'prevResult has no address of eth0 that is ours');
});

test('DEL with everything missing succeeds, twice, and makes nothing', async (t) => {
  const node = openNode(t, { podCIDRs: 'none', mistyped: true, prevResult: 7 });
  for (const netns of ['', undefined, '/run/netns/gone']) {
    const outcome = await node.call('DEL', {}, { CNI_NETNS: netns });
    t.deepEqual(outcome, { status: 0, output: '', object: undefined, warnings: [] });
  }
  await nothingIsLeft(t, node);
});

test('a link of somebody else with our name makes us take the next one', async (t) => {
  const node = openNode(t);
  await node.call('ADD');
  const [first = ''] = node.kernel.host.keys();
  await node.call('DEL');
  node.kernel.host.set(first, {
    mac: '02:00:00:00:00:99',
    peer: [new Map(), ''],
    up: true,
    addresses: [],
    routes: [],
    neighbours: [],
  });
  const { object, output } = await node.call('ADD');
  t.is(object?.['code'], undefined, output);
  t.is(node.kernel.host.size, 2);
  await node.call('DEL');
  t.deepEqual([...node.kernel.host.keys()], [first]);
});

test('an interface that is there already fails ADD, and stays', async (t) => {
  const node = openNode(t);
  await node.call('ADD', {}, { CNI_CONTAINERID: 'other' });
  const { object } = await node.call('ADD');
  t.is(object?.['code'], 102);
  t.regex(String(object?.['msg']), /the interface already exists: eth0 in the pod or vethds/);
  t.is(node.kernel.links.length, 2);
  await node.call('DEL', {}, { CNI_CONTAINERID: 'other' });
  await nothingIsLeft(t, node);
});

/** How a program may end, and the code of the CNI error. */
const endings: [Outcome, number][] = [
  [{ kind: 'failed', status: 1 }, 102],
  [{ kind: 'killed', signal: 'SIGKILL' }, 102],
  [{ kind: 'missing' }, 102],
  [{ kind: 'late', milliseconds: 10_000 }, 11],
];

/** What DEL does without: old connections. */
const forgiven: [string, Outcome['kind'][]][] = [
  ['conntrack', ['missing', 'failed', 'killed']],
  ['nft', ['missing', 'failed', 'killed']],
];

for (const [outcome, code] of endings) {
  test(`any program of an ADD that is ${outcome.kind}: an error with code ${code}, and nothing left`, async (t) => {
    const whole = openNode(t);
    await whole.call('ADD');
    const count = whole.kernel.started.length;
    t.true(count > 1);
    for (let index = 1; index <= count; index++) {
      const node = openNode(t);
      node.kernel.interfere = () =>
        node.kernel.started.length === index ? { outcome, stderr: 'no' } : undefined;
      const { object, warnings } = await node.call('ADD');
      t.is(object?.['code'], code, JSON.stringify(object));
      t.deepEqual(warnings, []);
      await nothingIsLeft(t, node);
    }
  });

  test(`any program of a DEL that is ${outcome.kind}: right answers, and the next DEL leaves nothing`, async (t) => {
    const whole = openNode(t);
    await whole.call('ADD');
    const before = whole.kernel.started.length;
    await whole.call('DEL');
    const count = whole.kernel.started.length - before;
    for (let index = 1; index <= count; index++) {
      const node = openNode(t);
      await node.call('ADD');
      const isHit = () => node.kernel.started.length === before + index;
      node.kernel.interfere = () => (isHit() ? { outcome, stderr: 'no' } : undefined);
      const { object } = await node.call('DEL');
      const { program } = node.kernel.started[before + index - 1] ?? {};
      const isForgiven = forgiven.some(([name, kinds]) => name === program && kinds.includes(outcome.kind));
      t.is(object?.['code'], isForgiven ? undefined : code, `${program} ${JSON.stringify(object)}`);
      t.is((await node.call('DEL')).status, 0);
      await nothingIsLeft(t, node);
    }
  });
}

test('an undoing that fails is told on standard error, and the error is the first one', async (t) => {
  const node = openNode(t);
  node.kernel.interfere = ({ program }) =>
    program === 'nsenter' || node.kernel.links.length > 0
      ? { outcome: { kind: 'killed', signal: 'SIGTERM' } }
      : undefined;
  const { object, warnings } = await node.call('ADD');
  t.regex(String(object?.['msg']), /^wire eth0 of container container-1: nsenter: killed by SIGTERM/);
  t.deepEqual(warnings, [
    'remove the firewall elements of eth0 of container container-1: nft: killed by SIGTERM: firewall elements are left, which the next call removes for which nft works',
    'could not undo the ADD of eth0 of container container-1: remove the link of eth0 of container container-1: ip: killed by SIGTERM',
  ]);
});

test('an ADD that finds the pool exhausted removes what is left of a dead pod, and then takes its place', async (t) => {
  const podCIDRs = ['10.0.0.0/30', 'fd00::/64'];
  const node = openNode(t, { podCIDRs });
  const portMappings = [{ hostPort: 8080, containerPort: 80 }];
  const gone = join(node.dataDir, '../gone');
  symlinkSync(podNamespaces[0] ?? '', gone);
  const dead = { CNI_CONTAINERID: 'dead', CNI_NETNS: gone };
  t.is((await node.call('ADD', { runtimeConfig: { portMappings } }, dead)).status, 0);
  rmSync(gone);
  node.kernel.host.clear();
  node.kernel.pods.clear();
  t.true(node.kernel.nft.elements.length > 0);

  const { status, output } = await node.call('ADD');
  t.is(status, 0, output);
  t.deepEqual(
    node.kernel.nft.elements.filter((element) => element.includes('8080')),
    [],
  );
  t.is((await node.call('DEL')).status, 0);
  await nothingIsLeft(t, node);
});

test('GC of one network leaves the pods of another alone, also when both have the same gateway', async (t) => {
  const node = openNode(t);
  const { object: prevResult } = await node.call('ADD');
  const links = node.kernel.links;
  const { status } = await node.call('GC', { name: 'others', 'cni.dev/valid-attachments': [] });
  t.is(status, 0);
  t.deepEqual(node.kernel.links, links);
  t.is((await node.call('CHECK', { prevResult })).status, 0);
});
