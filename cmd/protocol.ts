import { codes, Failure, reason } from '../conf/failure.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { del } from './del.ts';
import { attachmentOf, type Environment, type Parameter, requireParameters } from './environment.ts';
import type { Host, Request, Verb } from './request.ts';
import { isAtLeast, requestedVersion, supportedVersions, versionOf } from './version.ts';

/** One verb of the protocol: what it needs before anything is done, and what does it. */
interface VerbEntry {
  readonly requires: readonly Parameter[];
  /** The first version of the specification that has it. */
  readonly since: string;
  readonly tooOld: string;
  readonly handle: Verb;
}

const all: readonly Parameter[] = ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'];

const verbs: Readonly<Record<string, VerbEntry>> = {
  ADD: { requires: all, since: '0.1.0', tooOld: '', handle: add },
  DEL: { requires: all.filter((name) => name !== 'CNI_NETNS'), since: '0.1.0', tooOld: '', handle: del },
  CHECK: { requires: all, since: '0.4.0', tooOld: 'config version does not allow CHECK', handle: check },
};

/** What a call came with, and the way to the outside: injected, for tests. */
export interface Call extends Host {
  readonly environment: Environment;
  readonly readInput: () => string;
}

/** What the process writes to standard output, and its exit status. */
export interface Answer {
  readonly output: string;
  readonly status: 0 | 1;
}

function parseInput(text: string): Record<string, unknown> {
  const input = decodeJson(text);
  if (typeof input === 'object' && input !== null && !Array.isArray(input))
    return input as Record<string, unknown>;
  throw new Failure(codes.decoding, 'the network configuration on standard input is no JSON object');
}

function decodeJson(text: string): unknown {
  if (text.trim() === '') throw new Failure(codes.decoding, 'no network configuration on standard input');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure(
      codes.decoding,
      `the network configuration on standard input is no JSON: ${reason(error)}`,
      { cause: error },
    );
  }
}

/** VERSION may come without any input; then it answers in the newest version. */
function answerVersion(call: Call): Record<string, unknown> {
  const text = call.readInput();
  const version = text.trim() === '' ? supportedVersions.at(-1) : requestedVersion(parseInput(text));
  return { cniVersion: version, supportedVersions };
}

async function answerVerb(
  entry: VerbEntry,
  call: Call,
  spoken: Spoken,
): Promise<Record<string, unknown> | undefined> {
  requireParameters(call.environment, entry.requires);
  if (entry.requires.includes('CNI_CONTAINERID')) attachmentOf(call.environment);
  const configuration = parseInput(call.readInput());
  const version = versionOf(configuration);
  spoken.version = version;
  if (!isAtLeast(version, entry.since)) throw new Failure(codes.version, entry.tooOld);
  const request: Request = { environment: call.environment, version, configuration };
  return entry.handle(request, call);
}

async function answerCommand(
  command: string,
  call: Call,
  spoken: Spoken,
): Promise<Record<string, unknown> | undefined> {
  if (command === 'VERSION') return answerVersion(call);
  const entry = Object.hasOwn(verbs, command) ? verbs[command] : undefined;
  if (!entry) throw new Failure(codes.environment, `unknown CNI_COMMAND: ${command.slice(0, 80)}`);
  return answerVerb(entry, call, spoken);
}

/** The version that an error is written in: the caller's as soon as it is known, till then our newest. */
interface Spoken {
  version: string | undefined;
}

/** CNI 1.1.0, "Error". */
function errorObject(error: unknown, cniVersion: string | undefined): Record<string, unknown> {
  const failure =
    error instanceof Failure ? error : new Failure(codes.internal, `unexpected: ${reason(error)}`);
  const details = failure.details === '' ? {} : { details: failure.details };
  return { cniVersion, code: failure.code, msg: failure.message, ...details };
}

/**
 * One call of the plugin, from environment and standard input to the one object on standard output.
 *
 * @returns always: whatever is thrown becomes a CNI error.
 */
export async function answer(command: string, call: Call): Promise<Answer> {
  const spoken: Spoken = { version: supportedVersions.at(-1) };
  try {
    const result = await answerCommand(command, call, spoken);
    return { output: result ? `${JSON.stringify(result)}\n` : '', status: 0 };
  } catch (error) {
    return { output: `${JSON.stringify(errorObject(error, spoken.version))}\n`, status: 1 };
  }
}
