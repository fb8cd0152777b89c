import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { decodeResult } from '../../../cmd/cni/result.ts';
import { parseInterfaceAddress } from '../../../conf/family.ts';
import type { Outcome } from '../../../netns/process/exec.ts';
import { FakeKernel } from '../../lab/fake-kernel.ts';
import { type GeneratedCall, generatedCall, lastResult, storeFolder } from '../../lab/generated.ts';
import {
  asIpamPlugin,
  asPlugin,
  attachmentEnvironment,
  callInProcess,
  type InProcessOutcome,
} from '../../lab/in-process.ts';
import { storeTraces } from '../../lab/traces.ts';
import { watchFiles } from '../../lab/watched-files.ts';

const watched = watchFiles();

/** One node that sees a row of calls. */
interface Node {
  readonly folder: string;
  readonly kernel: FakeKernel;
  /** By attachment: what its last ADD answered. */
  readonly results: Map<string, unknown>;
  /** The last ADD that succeeded. */
  added: GeneratedCall | undefined;
}

function keyOf({ environment }: GeneratedCall): string {
  return JSON.stringify([environment['CNI_CONTAINERID'], environment['CNI_IFNAME']]);
}

/** The configuration as it goes in: what stands for something is replaced by that. */
function inputOf(call: GeneratedCall, node: Node): unknown {
  if (typeof call.input === 'string') return call.input;
  const replaced = (value: unknown) => {
    if (value === storeFolder) return join(node.folder, 'data');
    // An ADD is the first plugin of its chain.
    if (value === lastResult) return call.verb === 'ADD' ? undefined : node.results.get(keyOf(call));
    return value;
  };
  const within = (object: object) =>
    Object.fromEntries(Object.entries(object).map(([k, v]) => [k, replaced(v)]));
  const { ipam } = call.input;
  return {
    ...within(call.input),
    ...(call.isIpam && typeof ipam === 'object' && ipam && { ipam: within(ipam) }),
  };
}

/** The call as it is made: CHECK and DEL are often about what is there. */
function aimed(call: GeneratedCall, { added }: Node): GeneratedCall {
  if (!call.repeats || !added || !['CHECK', 'DEL'].includes(call.verb)) return call;
  const { environment, input, isIpam } = added;
  return { ...call, environment, input, isIpam };
}

/** Where there is a table, there is nft. */
function endingOf(program: string, outcome: Outcome): Outcome {
  return program === 'nft' && outcome.kind === 'missing' ? { kind: 'failed', status: 1 } : outcome;
}

async function carryOut(call: GeneratedCall, node: Node): Promise<InProcessOutcome> {
  const before = node.kernel.started.length;
  node.kernel.interfere = ({ program }) => {
    if (program.endsWith('/delegate')) return call.delegate;
    if (node.kernel.started.length - before !== call.interference?.index) return undefined;
    return { outcome: endingOf(program, call.interference.outcome), stderr: 'no\n' };
  };
  const path = call.environment['CNI_PATH'];
  const outcome = await callInProcess(call.verb, {
    environment: { ...call.environment, CNI_PATH: path === '<delegates>' ? join(node.folder, 'bin') : path },
    input: inputOf(call, node),
    run: node.kernel.run,
    as: call.isIpam ? asIpamPlugin : asPlugin,
  });
  if (call.verb === 'ADD' && outcome.status === 0) {
    node.results.set(keyOf(call), outcome.object);
    node.added = call;
  }
  return outcome;
}

function assertError(t: ExecutionContext, { object = {}, output }: InProcessOutcome): void {
  const { cniVersion, code, msg, details, ...rest } = object;
  t.deepEqual(rest, {});
  t.regex(String(cniVersion), /^\d+\.\d+\.\d+$/);
  t.true(Number.isInteger(code) && Number(code) > 0, output);
  t.true(typeof msg === 'string' && msg.length > 0 && msg.length < 10_000, output);
  t.true(details === undefined || typeof details === 'string');
  t.notRegex(output, /\bat \S+ \(|\.ts:\d|node:internal|^unexpected/);
  t.notRegex(String(msg), /^unexpected/);
}

function assertResult(t: ExecutionContext, verb: string, { object, output }: InProcessOutcome): void {
  if (verb === 'VERSION') t.true(Array.isArray(object?.['supportedVersions']));
  else if (verb === 'ADD') assertAddresses(t, object);
  else t.is(output, '');
}

function assertAddresses(t: ExecutionContext, object: unknown): void {
  const { interfaces, ips } = decodeResult(object);
  t.true(ips.length > 0);
  for (const ip of ips) {
    t.truthy(parseInterfaceAddress(ip.address));
    t.true(ip.interface === undefined || ip.interface < interfaces.length);
  }
}

/** Below the store's folder there are networks, and our own; beside it is what the node keeps. */
const placeInStore = /^(?:$|\/(?:\.dualstack|[a-zA-Z0-9][\w.-]*)(?:\/|$))/;

function assertFiles(t: ExecutionContext, { folder }: Node): void {
  const store = join(folder, 'data');
  const isInside = (path: string) =>
    path.startsWith(`${store}.node`) ||
    (path.startsWith(store) && placeInStore.test(path.slice(store.length)));
  const outside = [...watched.paths].filter((path) => !isInside(path) || path.split('/').includes('..'));
  const foreign = [...watched.settings.keys()].filter((path) => !/^\/proc\/sys\/net\/[^.]/.test(path));
  t.deepEqual([outside, foreign], [[], []]);
  watched.paths.clear();
  watched.settings.clear();
}

/** DEL of everybody brings kernel and store back to what they were. */
async function assertNothingLeaks(
  t: ExecutionContext,
  node: Node,
  calls: readonly GeneratedCall[],
): Promise<void> {
  node.kernel.interfere = () => undefined;
  const names = new Set(calls.map(({ input }) => (typeof input === 'string' ? 'pods' : input['name'])));
  for (const { environment } of calls) {
    for (const name of names) {
      const input = { cniVersion: '1.0.0', name, dataDir: join(node.folder, 'data') };
      const { CNI_CONTAINERID = '', CNI_IFNAME = '' } = environment;
      const outcome = await callInProcess('DEL', {
        environment: { ...attachmentEnvironment, CNI_CONTAINERID, CNI_IFNAME },
        input,
        run: node.kernel.run,
      });
      if (outcome.status === 1) t.regex(String(outcome.object?.['msg']), /^(?:invalid|required)/);
    }
  }
  t.deepEqual([node.kernel.links, node.kernel.nft.elements], [[], []]);
  t.deepEqual(await storeTraces(join(node.folder, 'data')), []);
}

function openNode(): Node {
  const folder = mkdtempSync(join(tmpdir(), 'dualstack-unit-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/delegate'), '');
  chmodSync(join(folder, 'bin/delegate'), 0o755);
  return { folder, kernel: new FakeKernel(), results: new Map(), added: undefined };
}

const batches = 10;
const nodesEach = 50;
const callsEach = 20;
const seed = 20_260_731;

/** How often the calls must have got how far at least, for the test to be worth its name. */
const reached: Record<string, number> = {
  'ADD ok': 1000,
  'CHECK ok': 300,
  'DEL ok': 500,
  'GC ok': 200,
  'STATUS ok': 100,
  'VERSION ok': 200,
  'ADD 4': 100,
  'ADD 6': 50,
  'ADD 7': 100,
  'ADD 11': 5,
  'ADD 100': 5,
  'ADD 101': 50,
  'ADD 102': 50,
  'CHECK 103': 50,
  'STATUS 50': 20,
};

const tally: Record<string, number> = {};

async function liveThrough(t: ExecutionContext, calls: readonly GeneratedCall[]): Promise<void> {
  const node = openNode();
  watched.paths.clear();
  try {
    for (const call of calls) {
      const outcome = await carryOut(aimed(call, node), node);
      const code = outcome.object?.['code'];
      const key = `${call.verb} ${code ?? 'ok'}`;
      tally[key] = (tally[key] ?? 0) + 1;
      t.is(outcome.status, code === undefined ? 0 : 1);
      if (outcome.status === 1) assertError(t, outcome);
      else assertResult(t, call.verb, outcome);
      assertFiles(t, node);
    }
    await assertNothingLeaks(t, node, calls);
  } finally {
    rmSync(node.folder, { recursive: true, force: true });
  }
}

const lives = fc.array(generatedCall, { minLength: callsEach, maxLength: callsEach, size: 'max' });

for (let batch = 1; batch <= batches; batch++) {
  test.serial(
    `generated calls ${batch} of ${batches}: right answers, no file elsewhere, nothing leaks`,
    async (t) => {
      const property = fc.asyncProperty(lives, (calls) => liveThrough(t, calls));
      await fc.assert(property, { seed: seed + batch, numRuns: nodesEach });
      t.pass();
    },
  );
}

test.serial(`the ${batches * nodesEach * callsEach} calls got far`, (t) => {
  t.log(
    Object.keys(reached)
      .map((key) => `${key}: ${tally[key] ?? 0}`)
      .join(', '),
  );
  for (const [key, least] of Object.entries(reached)) t.true((tally[key] ?? 0) >= least, key);
});
