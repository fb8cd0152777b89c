import test from 'ava';
import { type CniError, call, type Outcome, succeeded } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { configuration, dataDirOf } from '../lab/pods.ts';
import { kernelState, storeTraces } from '../lab/traces.ts';

/** Limits that a call may inherit (getrlimit(2)), in the words of prlimit(1), and whether it has enough. */
const limits: readonly [string, boolean][] = [
  ['--nofile=8', false],
  ['--nofile=18', false],
  ['--nofile=22', false],
  ['--nofile=30', false],
  ['--nofile=64', true],
  ['--as=268435456', false],
  ['--as=1073741824', false],
  ['--as=2147483648', true],
  ['--nofile=16:1024', true],
  ['--as=1073741824:', true],
  ['--fsize=0', false],
  ['--stack=65536', false],
  ['--memlock=0', true],
  ['--core=0', true],
];

/** A result, or an error of the form that CNI has: nothing else is an answer. */
function isAnswer({ status, stdout }: Outcome): boolean {
  if (status === 0) return true;
  const { code, msg } = JSON.parse(stdout) as CniError;
  return status === 1 && code > 0 && msg !== '';
}

for (const [limit, isEnough] of limits) {
  test(`a call with ${limit} ${isEnough ? 'does its work' : 'is answered'}, and nothing is left`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const before = [await kernelState(node), await kernelState(pod)];
    const config = configuration(lab, { cniVersion: '1.1.0' });
    const how = { netns: pod.path, under: ['prlimit', limit, '--'] };
    const list = { ...config, 'cni.dev/valid-attachments': [] };
    for (const verb of ['STATUS', 'ADD', 'DEL', 'GC'] as const) {
      const outcome = await call(node, verb, verb === 'GC' ? list : config, how);
      t.true(isAnswer(outcome), `${verb}: ${JSON.stringify(outcome)}`);
      if (isEnough) succeeded(outcome);
    }
    succeeded(await call(node, 'DEL', config, { netns: pod.path }));
    t.deepEqual([await kernelState(node), await kernelState(pod)], before);
    t.deepEqual(await storeTraces(dataDirOf(lab)), []);
  });
}
