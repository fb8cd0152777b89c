import { parseLocator } from '../../conf/configuration.ts';
import { codes, Failure } from '../../conf/failure.ts';
import { isNamespace, isOwnNamespace, openNamespace } from '../../netns/link/namespace.ts';
import type { Run } from '../../netns/process/exec.ts';
import { ipBatch, ipQuery } from '../../netns/process/ip.ts';
import type { Input, Verb } from '../cni/call.ts';
import type { Face } from '../cni/protocol.ts';
import { decodeResult, encodeResult, type Result } from '../cni/result.ts';
import { rejectOwnNamespace } from './own-namespace.ts';
import { asNotReady, requireCommands } from './status.ts';

/*
 * The verbs of `loopback`: containerd starts a plugin of this name before ours in each pod. It behaves as the reference
 * plugin does (containernetworking/plugins, plugins/main/loopback), whatever CNI_IFNAME says.
 */

type LoopbackVerb = Verb<Input>;

/** What is asked of `lo`, as `ip -json address show` tells it. */
interface Loopback {
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

/** Has `ip` act on a pod's namespace, and says what `lo` is like afterwards. @throws {Failure} code 4, 11 or 102. */
async function loopbackAfter(run: Run, netns: string, lines: readonly string[]): Promise<Loopback> {
  const namespace = openNamespace(netns);
  try {
    const questions = [...lines, 'address show dev lo'];
    const answers = (await ipQuery(
      run,
      namespace.descriptor,
      'look at lo',
      questions,
    )) as Partial<Loopback>[];
    const found = answers.find(({ addr_info }) => addr_info !== undefined);
    if (found) return found as Loopback;
    throw new Failure(codes.wiring, 'look at lo: the namespace does not have it');
  } finally {
    namespace.close();
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** The first address of each family. @throws {Failure} code 102 for an address that is no loopback one. */
function resultOf({ addr_info }: Loopback, sandbox: string): Result {
  const foreign = addr_info.find(({ local }) => !isLoopback(local));
  if (foreign) throw new Failure(codes.wiring, `lo has ${foreign.local}, which is not a loopback address`);
  const first = ['inet', 'inet6'].flatMap((name) => addr_info.find(({ family }) => family === name) ?? []);
  return {
    interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox }],
    ips: first.map(({ local, prefixlen }) => ({ address: `${local}/${prefixlen}`, interface: 0 })),
    routes: [],
    dns: {},
  };
}

/** In a chain, the result of the plugins before it goes on as it is. */
const add: LoopbackVerb = async ({ environment, netns, input, version, run }) => {
  rejectOwnNamespace(environment, netns);
  const loopback = await loopbackAfter(run, netns, ['link set dev lo up']);
  const { prevResult } = input;
  return encodeResult(prevResult ? decodeResult(prevResult) : resultOf(loopback, netns), version);
};

/** Never in the host's own namespace, which would lose its `lo`. A namespace that is gone has nothing to undo. */
const del: LoopbackVerb = async ({ netns, run }) => {
  if (!isNamespace(netns) || isOwnNamespace(netns)) return undefined;
  const namespace = openNamespace(netns);
  try {
    await ipBatch(run, namespace.descriptor, 'set lo down', ['link set dev lo down']);
    return undefined;
  } finally {
    namespace.close();
  }
};

const check: LoopbackVerb = async ({ netns, run }) => {
  const { flags } = await loopbackAfter(run, netns, []);
  if (flags.includes('UP')) return undefined;
  throw new Failure(codes.altered, 'lo is down', { details: 'something in the pod set it down' });
};

const gc: LoopbackVerb = async () => undefined;

const status: LoopbackVerb = async ({ environment }) => {
  try {
    requireCommands(['ip', 'nsenter'], environment);
    return undefined;
  } catch (error) {
    throw asNotReady(error);
  }
};

export const loopbackPlugin: Face<Input> = {
  wires: false,
  parse: (input) => input,
  locate: parseLocator,
  handlers: { ADD: add, DEL: del, CHECK: check, GC: gc, STATUS: status },
};
