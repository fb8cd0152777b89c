import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed, podIPs, succeeded } from '../lab/cni.ts';
import { type Lab, openLab } from '../lab/namespaces.ts';
import { configuration } from '../lab/pods.ts';

interface Line {
  readonly verb: string;
  readonly pod?: string;
  readonly addresses?: readonly string[];
  readonly outcome: string;
  readonly msg?: string;
  readonly ms: { start: number; total: number; steps: readonly { step: string; from: number; ms: number }[] };
}

function logOf(lab: Lab): string {
  return join(lab.folder, 'cni.log');
}

async function lines(lab: Lab): Promise<Line[]> {
  const text = await readFile(logOf(lab), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test.serial('each call leaves a line that says what happened, and how long each step took', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const config = configuration(lab, { logFile: logOf(lab) });
  const how = {
    netns: pod.path,
    env: { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0' },
  };
  const result = succeeded(await call(node, 'ADD', config, how));
  t.is((await call(node, 'CHECK', { ...config, prevResult: result }, how)).status, 0);
  failed(await call(node, 'ADD', config, how));
  t.is((await call(node, 'DEL', config, how)).status, 0);
  const written = await lines(lab);
  t.deepEqual(
    written.map(({ verb, outcome }) => [verb, outcome]),
    [
      ['ADD', 'ok'],
      ['CHECK', 'ok'],
      ['ADD', 'error'],
      ['DEL', 'ok'],
    ],
  );
  for (const line of written) {
    t.like(line, { network: 'pods', container: 'container-1', ifname: 'eth0', pod: 'default/web-0' });
    t.deepEqual([...(line.addresses ?? [])].sort(), podIPs(result).sort());
    t.true(line.ms.start > 0 && line.ms.total >= line.ms.start);
  }
  t.regex(written[2]?.msg ?? '', /eth0 of container container-1 already has/);
  const steps = written[0]?.ms.steps ?? [];
  t.true(steps.some(({ step }) => step === 'ip'));
  t.true(steps.some(({ step }) => step === 'ip in the pod'));
});

test.serial('a log that cannot be written never fails a pod', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  await mkdir(join(lab.folder, 'folder'));
  await writeFile(join(lab.folder, 'file'), '');
  await node.run('mkfifo', join(lab.folder, 'pipe'));
  for (const place of ['folder', 'file/below', 'missing/below', 'pipe', '../../dev/full']) {
    const config = configuration(lab, { logFile: `${lab.folder}/${place}` });
    if (place.startsWith('..')) t.is(failed(await call(node, 'ADD', config, { netns: pod.path })).code, 7);
    else {
      const outcome = await call(node, 'ADD', config, { netns: pod.path });
      t.is(outcome.status, 0, `${place}: ${outcome.stdout}`);
    }
    t.deepEqual(await call(node, 'DEL', config, { netns: pod.path }), { status: 0, stdout: '', stderr: '' });
  }
});

test.serial('calls at the same time do not mix their lines', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const config = configuration(lab, { logFile: logOf(lab) });
  const calls = Array.from({ length: 12 }, (_, index) =>
    call(node, 'DEL', config, { containerID: `container-${index}` }),
  );
  for (const outcome of await Promise.all(calls)) t.is(outcome.status, 0);
  const containers = (await lines(lab)).map((line) => (line as unknown as { container: string }).container);
  t.is(new Set(containers).size, 12);
});
