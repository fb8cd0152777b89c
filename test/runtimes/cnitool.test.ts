import test from 'ava';
import { installConflist, installPlugins, traces } from '../lab/install.ts';
import { startMachine } from '../lab/machine.ts';
import { toolPath } from './tools/go.ts';

const podIPs = ['10.244.1.2/32', 'fd00:10:244:1::2/128'];

test('cnitool: add, check, del and del again with the sample conflist', async (t) => {
  const machine = await startMachine();
  t.teardown(machine.stop);
  await installPlugins(machine);
  await installConflist(machine, '10-dualstack.conflist');
  await machine.run('ip', ['netns', 'add', 'pod']);
  const program = await toolPath('cnitool');
  const env = { NETCONFPATH: '/etc/cni/net.d', CNI_PATH: '/opt/cni/bin' };
  const cnitool = (verb: string) => machine.run(program, [verb, 'pods', '/run/netns/pod'], env);

  const result = JSON.parse(await cnitool('add'));
  t.deepEqual(
    result.ips.map(({ address }: { address: string }) => address),
    podIPs,
  );
  const inside = await machine.run('ip', ['-netns', 'pod', 'address', 'show', 'eth0']);
  for (const address of podIPs) t.true(inside.includes(` ${address} `), inside);

  t.is(await cnitool('check'), '');
  t.is(await cnitool('del'), '');
  t.is(await cnitool('del'), '');
  await machine.run('ip', ['netns', 'delete', 'pod']);
  t.deepEqual(await traces(machine), []);
});
