import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed, podIPs, succeeded } from '../lab/cni.ts';
import { type Lab, type Namespace, openLab, systemPath } from '../lab/namespaces.ts';
import { addPod, configuration, dataDirOf } from '../lab/pods.ts';
import { leases, storeTraces } from '../lab/traces.ts';
import { until } from '../lab/until.ts';

const small = { podCIDRs: ['10.244.1.0/29', 'fd00:10:244:1::/64'], cniVersion: '1.1.0' };
const ports = [9001, 9002, 9003, 9004, 9005];

function withPort(hostPort: number) {
  return { ...small, runtimeConfig: { portMappings: [{ hostPort, containerPort: 80 }] } };
}

async function linksAreGone(node: Namespace): Promise<void> {
  await until('the end of the pods', async () => {
    if ((await node.links()).length > 0) throw new Error('there are links yet');
  });
}

/** Five pods fill the pool, and die without a DEL. */
async function fillWithDead(lab: Lab, node: Namespace, round: number): Promise<void> {
  await using doomed = await openLab();
  await Promise.all(
    ports.map(async (port) => {
      const { path } = await doomed.pod();
      const invocation = { netns: path, containerID: `dead-${round}-${port}` };
      succeeded(await call(node, 'ADD', configuration(lab, withPort(port)), invocation));
    }),
  );
}

// A test for each round: a slow machine then has time for one at a time.
for (let round = 0; round < 16; round++) {
  test.serial(
    `pools that dead pods with host ports exhaust, round ${round}: while there is room no ADD fails, and each is whole`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      await fillWithDead(lab, node, 0);
      await linksAreGone(node);
      const added = await Promise.all(
        ports.map(async (port) => {
          const { path } = await lab.pod();
          const invocation = { netns: path, containerID: `new-${port}` };
          const config = configuration(lab, withPort(port));
          const result = succeeded(await call(node, 'ADD', config, invocation));
          return { invocation, config: { ...config, prevResult: result } };
        }),
      );
      for (const { invocation, config } of added) {
        t.deepEqual(await call(node, 'CHECK', config, invocation), { status: 0, stdout: '', stderr: '' });
      }
      for (const { invocation, config } of added)
        t.is((await call(node, 'DEL', config, invocation)).status, 0);
      t.notRegex(await node.run('nft', 'list', 'table', 'inet', 'dualstack'), /elements/);
      t.deepEqual(await storeTraces(dataDirOf(lab)), []);
    },
  );
}

const generations = 4;

test.serial(
  'generations of dead pods without a DEL make room for the next, and late DELs leave nothing',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    for (let round = 0; round < generations; round++) {
      await fillWithDead(lab, node, round);
      await linksAreGone(node);
    }
    for (let round = 0; round < generations; round++) {
      for (const port of ports) {
        const invocation = { containerID: `dead-${round}-${port}` };
        t.is((await call(node, 'DEL', configuration(lab, withPort(port)), invocation)).status, 0);
      }
    }
    t.notRegex(await node.run('nft', 'list', 'table', 'inet', 'dualstack'), /elements/);
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  },
);

for (const [where, more] of [
  ['another network', { name: 'others', podCIDRs: ['10.9.1.0/29', 'fd00:9:1::/64'] }],
  ['another dataDir', { name: 'others', podCIDRs: ['10.9.1.0/29', 'fd00:9:1::/64'], dataDir: 'data-2' }],
] as const) {
  test.serial(`dead pods of ${where} give up their host ports, and what else they have`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    await fillWithDead(lab, node, 0);
    await linksAreGone(node);
    const place = 'dataDir' in more ? { ...more, dataDir: join(lab.folder, more.dataDir) } : more;
    await Promise.all(
      ports.map(async (port) => {
        const invocation = { netns: (await lab.pod()).path, containerID: `new-${port}` };
        const config = configuration(lab, { ...withPort(port), ...place });
        const prevResult = succeeded(await call(node, 'ADD', config, invocation));
        const check = await call(node, 'CHECK', { ...config, prevResult }, invocation);
        t.is(check.status, 0, check.stdout);
      }),
    );
    t.deepEqual(await leases(dataDirOf(lab)), []);
  });
}

test.serial(
  'the DEL of a dead pod that others have removed takes nothing from who has its address and port',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const single = {
      ...withPort(8080),
      podCIDRs: ['10.244.1.0/30', 'fd00:10:244:1::/126'],
      exclude: ['fd00:10:244:1::3'],
    };
    {
      await using doomed = await openLab();
      const { path } = await doomed.pod();
      succeeded(await call(node, 'ADD', configuration(lab, single), { netns: path, containerID: 'dead' }));
    }
    await linksAreGone(node);
    const { pod, config, result } = await addPod(lab, node, single, 'new');
    t.is((await call(node, 'DEL', configuration(lab, single), { containerID: 'dead' })).status, 0);
    t.is((await call(node, 'CHECK', config, { netns: pod.path, containerID: 'new' })).status, 0);
    t.deepEqual(await leases(dataDirOf(lab)), podIPs(result).sort());
  },
);

test.serial('a host port that is given back while an ADD waits for it is the ADD’s', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const old = await addPod(lab, node, withPort(8080), 'old');
  const { path } = await lab.pod();
  const config = configuration(lab, withPort(8080));
  const waiting = call(node, 'ADD', config, { netns: path, containerID: 'new' });
  await until('the ADD to have its addresses', async () => {
    if ((await leases(dataDirOf(lab))).length < 4) throw new Error('not yet');
  });
  t.is((await call(node, 'DEL', old.config, { containerID: 'old' })).status, 0);
  const prevResult = succeeded(await waiting);
  const check = await call(node, 'CHECK', { ...config, prevResult }, { netns: path, containerID: 'new' });
  t.is(check.status, 0, check.stdout);
});

test.serial(
  'an ADD that comes late to its undoing takes nothing from a newer ADD of the attachment',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const pod = await lab.pod();
    const folder = join(lab.folder, 'bin');
    const go = join(lab.folder, 'go');
    await node.run('mkdir', folder);
    // Enters the namespace when the test lets it.
    await writeFile(
      join(folder, 'nsenter'),
      `#!/bin/sh\nPATH=${systemPath}\nuntil [ -e ${go} ]; do sleep 0.05; done\nexec nsenter "$@"\n`,
    );
    await chmod(join(folder, 'nsenter'), 0o755);
    const config = configuration(lab, withPort(8080));
    const invocation = { netns: pod.path, containerID: 'reused' };
    const late = call(node, 'ADD', config, { ...invocation, env: { PATH: `${folder}:${systemPath}` } });
    await until('the first ADD to have made its link', async () => {
      if ((await node.links()).length === 0) throw new Error('not yet');
    });
    t.is((await call(node, 'DEL', config, invocation)).status, 0);
    const prevResult = succeeded(await call(node, 'ADD', config, invocation));
    await writeFile(go, '');
    failed(await late);
    const check = await call(node, 'CHECK', { ...config, prevResult }, invocation);
    t.is(check.status, 0, check.stdout);
    t.deepEqual(await leases(dataDirOf(lab)), podIPs(prevResult).sort());
  },
);

test.serial('GC beside ADDs takes nothing of theirs: none fails, and none is unguarded', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const config = configuration(lab, { cniVersion: '1.1.0' });
  const pods = await Promise.all(Array.from({ length: 24 }, () => lab.pod()));
  let isDone = false;
  const collecting = (async () => {
    while (!isDone) t.is((await call(node, 'GC', config, { containerID: '', ifname: '' })).status, 0);
  })();
  const added = await Promise.all(
    pods.map(async ({ path }, index) => {
      const invocation = { netns: path, containerID: `pod-${index}` };
      return { invocation, outcome: await call(node, 'ADD', config, invocation) };
    }),
  );
  isDone = true;
  await collecting;
  for (const { invocation, outcome } of added) {
    const prevResult = succeeded(outcome);
    const check = await call(node, 'CHECK', { ...config, prevResult }, invocation);
    t.is(check.status, 0, check.stdout);
  }
});

test.serial(
  'a lost store gives no address twice, and costs no ADD: the warning says whose they are',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    for (const name of ['one', 'two', 'three']) await addPod(lab, node, {}, name);
    await node.run('rm', '-r', dataDirOf(lab));
    const { path } = await lab.pod();
    const outcome = await call(node, 'ADD', configuration(lab), { netns: path, containerID: 'four' });
    t.deepEqual(podIPs(succeeded(outcome)), ['10.244.1.5', 'fd00:10:244:1::5']);
    t.regex(
      outcome.stderr,
      /10\.244\.1\.2, 10\.244\.1\.3, 10\.244\.1\.4 belong to pods that run and that no store knows/,
    );
  },
);
