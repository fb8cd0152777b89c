import { match } from 'node:assert/strict';
import test from 'ava';
import { snapshotter, startContainerd } from '../lab/containerd.ts';
import { imageName } from '../lab/image.ts';
import { installConflist, installPlugins, traces } from '../lab/install.ts';
import { startMachine } from '../lab/machine.ts';
import { until } from '../lab/until.ts';

const gateways = ['10.244.1.1', 'fd00:10:244:1::1'];
const podIPs = ['10.244.1.2', 'fd00:10:244:1::2'];

test.serial('ctr run --cni gives a container both addresses, and its end leaves nothing', async (t) => {
  const machine = await startMachine();
  t.teardown(machine.stop);
  await installPlugins(machine);
  await installConflist(machine, '10-dualstack.conflist');
  const { ctr } = await startContainerd(machine);

  const ended = ctr('run', '--rm', '--cni', ...modestly, imageName, 'probe', '/bin/sleep', '86400');
  const running = async () => match(await ctr('task', 'list'), /^probe .* RUNNING/m);
  await Promise.race([until('the container', running), ended]);
  let calls = 0;
  const exec = (...command: string[]) =>
    ctr('task', 'exec', '--exec-id', `call-${++calls}`, 'probe', ...command);

  // ctr may lose what a command writes that ends at once: it is asked again then.
  const interfaces = await until('the addresses', async () => {
    const answer = await exec('/bin/ip', 'address', 'show', 'eth0');
    match(answer, /eth0/);
    return answer;
  });
  for (const address of podIPs) t.regex(interfaces, new RegExp(`inet6? ${address}/`));
  for (const gateway of gateways) await t.notThrowsAsync(exec('/bin/ping', '-c', '1', '-W', '2', gateway));

  await ctr('task', 'kill', '--signal', 'SIGKILL', 'probe');
  await t.throwsAsync(ended, { message: /exit code 137/ });
  t.deepEqual(await traces(machine), []);
});

/** Without CPU shares, which are a cgroup controller's, the runtime gets along with none. */
const modestly = ['--cpu-shares', '0', '--snapshotter', snapshotter];
