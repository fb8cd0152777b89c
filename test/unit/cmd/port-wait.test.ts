import test, { type ExecutionContext } from 'ava';
import { openNode } from '../../lab/fake-node.ts';
import { until } from '../../lab/until.ts';
import { watchFiles } from '../../lab/watched-files.ts';

watchFiles();

/** A port of the host to port 80 of a pod. */
function mapped(hostPort: number, more: object = {}): object {
  return { hostPort, containerPort: 80, protocol: 'tcp', ...more };
}

/** Which ports a pod has, which one wants that comes after it, and the one that both mean. */
const clashes: [what: string, held: object[], wanted: object[], named: string][] = [
  ['the same port, in both families', [mapped(8080)], [mapped(8080)], '*:8080/tcp'],
  ['UDP', [mapped(53, { protocol: 'udp' })], [mapped(53, { protocol: 'udp' })], '*:53/udp'],
  ['IPv6 alone', [mapped(8080, { hostIP: '::' })], [mapped(8080, { hostIP: '::' })], '*:8080/tcp'],
  ['one family of two', [mapped(8080, { hostIP: '::' })], [mapped(8080)], '*:8080/tcp'],
  [
    'one address of the node',
    [mapped(8080, { hostIP: '192.0.2.10' })],
    [mapped(8080, { hostIP: '192.0.2.10' })],
    '192.0.2.10:8080/tcp',
  ],
  [
    'the last of several',
    [mapped(8080), mapped(9090)],
    [mapped(7070), mapped(7071, { protocol: 'udp' }), mapped(9090)],
    '*:9090/tcp',
  ],
];

function withPorts(portMappings: readonly object[], name = 'pods') {
  const pools = name === 'pods' ? {} : { podCIDRs: ['10.9.0.0/29', 'fd09::/64'] };
  return { name, ...pools, runtimeConfig: { portMappings } };
}

async function withHolder(t: ExecutionContext, held: readonly object[]) {
  const node = openNode(t);
  t.is((await node.add('old', withPorts(held))).status, 0);
  return node;
}

for (const network of ['pods', 'others']) {
  for (const [what, held, wanted, named] of clashes) {
    const which = `${what}, ${network === 'pods' ? 'the same network' : 'another network'}`;

    test(`a host port of a pod that goes on living is an error that names both: ${which}`, async (t) => {
      const node = await withHolder(t, held);
      const before = node.kernel.nft.elements;
      const { object, output } = await node.add('new', withPorts(wanted, network));
      t.is(object?.['code'], 101, output);
      t.true(output.includes(`host port ${named} is in use by`), output);
      t.true(output.includes('eth0 of container old'), output);
      t.deepEqual([node.known(), node.known('others')], [['old'], []]);
      t.deepEqual(node.kernel.nft.elements, before);
      t.is(node.kernel.links.length, 2);
    });

    test(`a host port of a dead pod is the new one’s at once: ${which}`, async (t) => {
      const node = await withHolder(t, held);
      node.die('old');
      const { status, output } = await node.add('new', withPorts(wanted, network));
      t.is(status, 0, output);
      t.deepEqual([...node.known(), ...node.known('others')], ['new']);
    });

    test(`a host port whose pod gets its DEL meanwhile is the new one’s: ${which}`, async (t) => {
      const node = await withHolder(t, held);
      const adding = node.add('new', withPorts(wanted, network), { portPatience: 60_000 });
      await until('the ADD to begin', async () => {
        if (!node.known(network).includes('new')) throw new Error('not yet');
      });
      t.is((await node.call('DEL', 'old')).status, 0);
      const { status, output } = await adding;
      t.is(status, 0, output);
      t.deepEqual([...node.known(), ...node.known('others')], ['new']);
    });
  }
}
