import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { builtPlugins } from '../bench/contestants.ts';
import { call, executable, failed, podIPs, succeeded } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { dataDirOf, podCIDRs } from '../lab/pods.ts';
import { leases, storeTraces } from '../lab/traces.ts';
import { buildPlugins } from './suites.ts';

/** Plugins whose pods get their addresses from us, and what is their own in a configuration. */
const callers: readonly (readonly [string, object])[] = [
  ['ptp', { ipMasq: false }],
  ['bridge', { bridge: 'cni0', isGateway: true }],
];

test.before(buildPlugins);

for (const [type, own] of callers) {
  test(`the newest ${type} has dualstack-ipam carry out every verb`, async (t) => {
    await using lab = await openLab();
    const [node, pod, other] = [await lab.node(), await lab.pod(), await lab.pod()];
    const folder = join(lab.folder, 'bin');
    await mkdir(folder);
    await symlink(executable, join(folder, 'dualstack-ipam'));
    const ipam = { type: 'dualstack-ipam', dataDir: dataDirOf(lab), podCIDRs };
    const config = { cniVersion: '1.1.0', name: 'lent', type, ...own, ipam };
    const program = join(builtPlugins, type);
    const env = { CNI_PATH: `${folder}:${builtPlugins}` };
    const of = (containerID: string, netns: string) => ({ executable: program, env, containerID, netns });
    const nobody = { executable: program, env: { ...env, CNI_IFNAME: undefined }, containerID: '' };

    t.deepEqual(await call(node, 'STATUS', config, nobody), { status: 0, stdout: '', stderr: '' });
    const prevResult = succeeded(await call(node, 'ADD', config, of('one', pod.path)));
    t.deepEqual(podIPs(prevResult), ['10.244.1.2', 'fd00:10:244:1::2']);
    for (const gateway of ['10.244.1.1', 'fd00:10:244:1::1'])
      await t.notThrowsAsync(pod.run('ping', '-c', '1', '-W', '5', gateway));
    t.is((await call(node, 'CHECK', { ...config, prevResult }, of('one', pod.path))).status, 0);

    succeeded(await call(node, 'ADD', config, of('two', other.path)));
    const valid = [{ containerID: 'one', ifname: 'eth0' }];
    // The newest plugins hand no GC on: a runtime's would end there.
    const asked = { ...nobody, executable: join(folder, 'dualstack-ipam') };
    const collected = await call(node, 'GC', { ...config, 'cni.dev/valid-attachments': valid }, asked);
    t.is(collected.status, 0, collected.stdout);
    t.deepEqual(await leases(dataDirOf(lab), 'lent'), ['10.244.1.2', 'fd00:10:244:1::2']);

    t.is((await call(node, 'DEL', { ...config, prevResult }, of('one', pod.path))).status, 0);
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
    const mistyped = { ...config, ipam: { ...ipam, podCidrs: [] } };
    t.regex(
      failed(await call(node, 'STATUS', mistyped, nobody)).msg,
      /unknown key "podCidrs" in ipam: did you mean "podCIDRs"/,
    );
  });
}
