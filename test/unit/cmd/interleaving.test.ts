import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Run } from '../../../netns/process/exec.ts';
import { FakeKernel } from '../../lab/fake-kernel.ts';
import { attachmentEnvironment, callInProcess, type InProcessOutcome } from '../../lab/in-process.ts';
import { temporaryFolder } from '../../lab/stores.ts';
import { storeTraces } from '../../lab/traces.ts';
import { watchFiles } from '../../lab/watched-files.ts';

watchFiles();

const runtimeConfig = {
  portMappings: [{ hostPort: 8080, containerPort: 80 }],
  bandwidth: { ingressRate: 8000, ingressBurst: 8000, egressRate: 8000, egressBurst: 8000 },
};

/** A node whose kernel is not real, and calls of one attachment there, each over its own way to start programs. */
function openNode(t: ExecutionContext) {
  const kernel = new FakeKernel();
  const dataDir = join(temporaryFolder(t), 'data');
  const podCIDRs = ['10.0.0.0/24', 'fd00::/64'];
  const input = {
    cniVersion: '1.1.0',
    name: 'pods',
    dataDir,
    podCIDRs,
    sysctls: false,
    mtu: 1450,
    runtimeConfig,
  };
  const call = (verb: string, more: object = {}, run: Run = kernel.run) =>
    callInProcess(verb, { environment: attachmentEnvironment, input: { ...input, ...more }, run });
  return { kernel, dataDir, call };
}

type Node = ReturnType<typeof openNode>;
type When = 'before' | 'after';

/** An ADD, in which another call comes to its end before or after the `nth` program. */
async function addWith(
  { kernel, call }: Node,
  verb: string,
  nth: number,
  when: When,
): Promise<{ added: InProcessOutcome; other: InProcessOutcome | undefined }> {
  let other: InProcessOutcome | undefined;
  let started = 0;
  const run: Run = async (command) => {
    const isIt = ++started === nth;
    if (isIt && when === 'before') other = await call(verb);
    try {
      return await kernel.run(command);
    } finally {
      if (isIt && when === 'after') other = await call(verb);
    }
  };
  return { added: await call('ADD', {}, run), other };
}

async function programsOfAnAdd(t: ExecutionContext): Promise<number[]> {
  const node = openNode(t);
  t.is((await node.call('ADD')).status, 0);
  const count = node.kernel.started.length;
  t.true(count > 3);
  return Array.from({ length: count }, (_, index) => index + 1);
}

for (const when of ['before', 'after'] as const) {
  test(`a DEL ${when} any program of an ADD: the ADD says so, and nothing is left of it`, async (t) => {
    for (const nth of await programsOfAnAdd(t)) {
      const node = openNode(t);
      const { added, other } = await addWith(node, 'DEL', nth, when);
      t.is(other?.status, 0);
      t.is(added.status, 1, `program ${nth}`);
      t.deepEqual([node.kernel.links, node.kernel.nft.elements], [[], []], `program ${nth}: ${added.output}`);
      t.deepEqual(await storeTraces(node.dataDir), [], `program ${nth}: ${added.output}`);
      t.is((await node.call('ADD')).status, 0);
    }
  });

  test(`another ADD ${when} any program of an ADD is refused, and does it no harm`, async (t) => {
    for (const nth of await programsOfAnAdd(t)) {
      const node = openNode(t);
      const { added, other } = await addWith(node, 'ADD', nth, when);
      t.is(other?.object?.['code'], 101);
      t.is(added.status, 0, added.output);
      const check = await node.call('CHECK', { prevResult: added.object });
      t.is(check.status, 0, check.output);
    }
  });
}
