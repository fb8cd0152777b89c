import { Failure, reason } from '../../conf/failure.ts';
import { jsonText } from '../../conf/printable.ts';
import { absolutePath } from '../../conf/rules.ts';
import type { Command, Run } from '../../netns/process/exec.ts';
import type { Call, Verb } from '../cni/call.ts';
import { podNameOf } from '../cni/environment.ts';
import type { VerbName } from '../cni/protocol.ts';
import { appendLine } from './log-file.ts';

/** A program that was run, in milliseconds since our process began: some run beside each other. */
interface Step {
  readonly step: string;
  readonly from: number;
  readonly ms: number;
}

/** Microseconds are enough. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** The program itself, also when it is run inside the pod's namespace. */
function nameOf({ program, args }: Command): string {
  const separator = program === 'nsenter' ? args.indexOf('--') : -1;
  return separator === -1 ? program : `${args[separator + 1]} in the pod`;
}

function timed(run: Run, steps: Step[]): Run {
  return async (command) => {
    const from = performance.now();
    try {
      return await run(command);
    } finally {
      steps.push({ step: nameOf(command), from: rounded(from), ms: rounded(performance.now() - from) });
    }
  };
}

/** What cannot be told is left out: nothing here may fail a call. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

function heldAddresses(call: Call): string[] | undefined {
  return attempt(() => call.store.held(call.attachment));
}

/** The addresses of an ADD's result, of any version. */
function givenAddresses(result: Record<string, unknown>): string[] {
  const { ips, ip4, ip6 } = result as {
    ips?: { address: string }[];
    ip4?: { ip: string };
    ip6?: { ip: string };
  };
  const all = [...(ips ?? []).map(({ address }) => address), ip4?.ip, ip6?.ip];
  return all.flatMap((address) => address?.split('/')[0] ?? []);
}

function outcomeOf(error: unknown): Record<string, unknown> {
  if (!(error instanceof Failure)) return { outcome: 'error', msg: reason(error) };
  return { outcome: 'error', code: error.code, msg: error.message, details: error.details };
}

function write(call: Call, line: Readonly<Record<string, unknown>>): void {
  const path = absolutePath.safeParse(call.input['logFile']);
  if (path.success) attempt(() => appendLine(path.data, jsonText(line)));
}

/**
 * Carries out a verb, and writes one line of JSON about it to the configuration's `logFile`:
 *
 *     {"time":"…","verb":"ADD","network":"pods","container":"4a1f…","ifname":"eth0","pod":"default/web-0",
 *      "outcome":"ok","addresses":["10.244.1.7","fd00:10:244:1::7"],
 *      "ms":{"start":48.1,"total":71.9,"steps":[{"step":"ip","from":50.2,"ms":7.3},…]}}
 *
 * `start` is what loading the program took. A log that cannot be written changes nothing.
 *
 * @throws what the verb throws.
 */
export async function callAndLog(
  name: VerbName,
  verb: Verb,
  call: Call,
): Promise<Record<string, unknown> | undefined> {
  const start = performance.now();
  const { environment, input } = call;
  const steps: Step[] = [];
  const held = heldAddresses(call);
  const about = {
    time: new Date().toISOString(),
    verb: name,
    network: input['name'],
    container: environment['CNI_CONTAINERID'],
    ifname: environment['CNI_IFNAME'],
    pod: attempt(() => podNameOf(call.args)),
  };
  const finish = (outcome: Readonly<Record<string, unknown>>) => {
    const ms = { start: rounded(start), total: rounded(performance.now()), steps };
    write(call, { ...about, ...outcome, ms });
  };
  try {
    const result = await verb(call.through(timed(call.run, steps)));
    finish({ outcome: 'ok', addresses: result ? givenAddresses(result) : held });
    return result;
  } catch (error) {
    finish({ ...outcomeOf(error), addresses: held });
    throw error;
  }
}
