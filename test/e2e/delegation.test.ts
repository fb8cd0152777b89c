import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, debianPlugins, executable, failed, podIPs, succeeded } from '../lab/cni.ts';
import { type Lab, openLab } from '../lab/namespaces.ts';
import { configuration, dataDirOf, podCIDRs } from '../lab/pods.ts';
import { ping } from '../lab/probes.ts';
import { storeTraces } from '../lab/traces.ts';

function hostLocal(lab: Lab) {
  const ranges = [[{ subnet: '10.9.0.0/24' }], [{ subnet: 'fd09::/64' }]];
  return {
    ipam: { type: 'host-local', dataDir: join(lab.folder, 'host-local'), ranges },
    podCIDRs: undefined,
  };
}

/** host-local's lock stays, and where it goes on. */
async function hostLocalLeases(lab: Lab): Promise<string[]> {
  return (await storeTraces(join(lab.folder, 'host-local'))).filter((file) => !file.endsWith('/lock'));
}

test.serial('addresses come from host-local when ipam says so, and go back to it', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const config = configuration(lab, { ...hostLocal(lab), ipFamilies: ['IPv6', 'IPv4'] });
  const prevResult = succeeded(await call(node, 'ADD', config, { netns: pod.path }));
  t.deepEqual(podIPs(prevResult), ['fd09::2', '10.9.0.2']);
  for (const gateway of ['10.9.0.1', 'fd09::1']) await t.notThrowsAsync(ping(pod, gateway));
  t.is((await call(node, 'CHECK', { ...config, prevResult }, { netns: pod.path })).status, 0);
  t.deepEqual(await hostLocalLeases(lab), ['pods/10.9.0.2', 'pods/fd09::2']);
  t.is((await call(node, 'DEL', config)).status, 0);
  t.deepEqual(await hostLocalLeases(lab), []);
  t.deepEqual(await node.links(), []);
});

test.serial('static gives addresses without gateways: the pod gets link-local ones', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const ipam = { type: 'static', addresses: [{ address: '10.9.0.5/24' }, { address: 'fd09::5/64' }] };
  const result = succeeded(
    await call(node, 'ADD', configuration(lab, { ipam, podCIDRs: undefined }), { netns: pod.path }),
  );
  t.deepEqual(
    result.ips.map(({ gateway }) => gateway),
    ['169.254.1.1', 'fe80::1'],
  );
  for (const address of podIPs(result)) await t.notThrowsAsync(ping(node, address));
});

test.serial('a delegate is undone when something later fails', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  await pod.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.is(failed(await call(node, 'ADD', configuration(lab, hostLocal(lab)), { netns: pod.path })).code, 102);
  t.deepEqual(await hostLocalLeases(lab), []);
});

test.serial('the words of a delegate that fails are passed on; one that is missing is named', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const broken = configuration(lab, { ipam: { type: 'host-local', ranges: [[{ subnet: 'nonsense' }]] } });
  t.regex(
    failed(await call(node, 'ADD', broken, { netns: pod.path })).msg,
    /^ADD by IPAM plugin host-local: .*nonsense/,
  );
  const missing = configuration(lab, { ipam: { type: 'nowhere' } });
  t.regex(
    failed(await call(node, 'ADD', missing, { netns: pod.path })).msg,
    /^IPAM plugin nowhere is not in CNI_PATH/,
  );
  const path = configuration(lab, { ipam: { type: '../../bin/sh' } });
  t.regex(
    failed(await call(node, 'ADD', path, { netns: pod.path })).msg,
    /ipam\.type must be the name of a plugin/,
  );
});

test.serial('called as dualstack-ipam it gives Debian’s bridge its addresses', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  await symlink(executable, join(lab.folder, 'dualstack-ipam'));
  const config = {
    cniVersion: '1.0.0',
    name: 'bridged',
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipam: {
      type: 'dualstack-ipam',
      dataDir: dataDirOf(lab),
      podCIDRs,
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    },
  };
  const invocation = {
    netns: pod.path,
    executable: join(debianPlugins, 'bridge'),
    env: { CNI_PATH: `${lab.folder}:${debianPlugins}` },
  };
  const prevResult = succeeded(await call(node, 'ADD', config, invocation));
  t.deepEqual(
    prevResult.ips.map(({ address }) => address),
    ['10.244.1.2/24', 'fd00:10:244:1::2/64'],
  );
  await t.notThrowsAsync(ping(pod, '10.244.1.1'));
  t.is((await call(node, 'CHECK', { ...config, prevResult }, invocation)).status, 0);
  t.is((await call(node, 'DEL', { ...config, prevResult }, invocation)).status, 0);
  t.deepEqual(await storeTraces(dataDirOf(lab)), []);

  const ipam = { executable: join(lab.folder, 'dualstack-ipam'), containerID: '', ifname: '' };
  const newest = { ...config, cniVersion: '1.1.0' };
  t.deepEqual(await call(node, 'STATUS', newest, ipam), { status: 0, stdout: '', stderr: '' });
  t.deepEqual(await call(node, 'GC', { ...newest, 'cni.dev/valid-attachments': [] }, ipam), {
    status: 0,
    stdout: '',
    stderr: '',
  });
  const mistyped = { ...newest, ipam: { ...config.ipam, podCidrs: [] } };
  t.regex(
    failed(await call(node, 'STATUS', mistyped, ipam)).msg,
    /unknown key "podCidrs" in ipam: did you mean "podCIDRs"/,
  );
});

test.serial('a second ADD is refused before the delegate is asked, which would undo the first', async (t) => {
  await using lab = await openLab();
  const [node, pod, other] = [await lab.node(), await lab.pod(), await lab.pod()];
  const config = configuration(lab, hostLocal(lab));
  succeeded(await call(node, 'ADD', config, { netns: pod.path }));
  const before = await hostLocalLeases(lab);
  for (const { path } of [pod, other]) {
    const error = failed(await call(node, 'ADD', config, { netns: path }));
    t.is(error.code, 101);
    t.regex(error.msg, /eth0 of container container-1 already exists/);
  }
  t.deepEqual(await hostLocalLeases(lab), before);
  for (const gateway of ['10.9.0.1', 'fd09::1']) await t.notThrowsAsync(ping(pod, gateway));
});

/** Debian's host-local knows neither CNI 1.1.0 nor GC, which newer ones pass over. */
async function oldDelegate(lab: Lab): Promise<void> {
  const script = `#!/bin/sh
[ "$CNI_COMMAND" = GC ] && exit 0
sed 's/"cniVersion":"1.1.0"/"cniVersion":"1.0.0"/' | ${debianPlugins}/host-local
`;
  await writeFile(join(lab.folder, 'old-ipam'), script, { mode: 0o755 });
}

test.serial('GC has a delegate release what is not valid, also one that has no GC of its own', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await oldDelegate(lab);
  const { ipam } = hostLocal(lab);
  const more = { cniVersion: '1.1.0', podCIDRs: undefined, ipam: { ...ipam, type: 'old-ipam' } };
  const config = configuration(lab, more);
  const env = { CNI_PATH: lab.folder };
  for (const containerID of ['kept', 'stale']) {
    const { path } = await lab.pod();
    succeeded(await call(node, 'ADD', config, { netns: path, containerID, env }));
  }
  const valid = [{ containerID: 'kept', ifname: 'eth0' }];
  const gc = await call(node, 'GC', { ...config, 'cni.dev/valid-attachments': valid }, { env });
  t.deepEqual(gc, { status: 0, stdout: '', stderr: '' });
  t.is((await node.links()).length, 1);
  t.deepEqual(await hostLocalLeases(lab), ['pods/10.9.0.2', 'pods/fd09::2']);
});
