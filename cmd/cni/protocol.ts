import type { Configuration } from '../../conf/configuration.ts';
import { codes, Failure, reason } from '../../conf/failure.ts';
import { parseJson } from '../../conf/json.ts';
import { jsonText } from '../../conf/printable.ts';
import { Call, type Host, type Input, type Reader, type Verb } from './call.ts';
import { attachmentOf, type Environment, type Parameter, requireParameters } from './environment.ts';
import { withNextStep } from './next-steps.ts';
import { isAtLeast, supportedVersions, versionOf } from './version.ts';

/** The verbs that act; VERSION is answered here. */
export type VerbName = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

/** What carries out each verb. */
export type Handlers<C = Configuration> = Readonly<Record<VerbName, Verb<C>>>;

/** One of the plugins that the executable is: how it reads its configuration, and what it does. */
export interface Face<C = Configuration> extends Reader<C> {
  readonly handlers: Handlers<C>;
}

/** What a verb needs before anything is done. */
interface Rule {
  readonly requires: readonly Parameter[];
  /** The first version of the specification that has it. */
  readonly since: string;
}

const attachmentParameters: readonly Parameter[] = ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'];
const allParameters: readonly Parameter[] = ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'];

const rules: Readonly<Record<VerbName, Rule>> = {
  ADD: { requires: allParameters, since: '0.1.0' },
  DEL: { requires: attachmentParameters, since: '0.1.0' },
  CHECK: { requires: allParameters, since: '0.4.0' },
  GC: { requires: ['CNI_PATH'], since: '1.1.0' },
  STATUS: { requires: ['CNI_PATH'], since: '1.1.0' },
};

/** What the process was started with, and the way to the outside: injected, for tests. */
export interface Invocation extends Host {
  readonly environment: Environment;
  readonly readInput: () => string;
}

/** What the process writes to standard output, and its exit status. */
export interface Answer {
  readonly output: string;
  readonly status: 0 | 1;
}

/** A configuration has some ten levels; what is written to a delegate is written by recursion. */
const mostLevels = 256;

function parseInput(text: string): Input {
  const input = decodeJson(text);
  rejectDeep(input);
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Input;
  throw new Failure(codes.decoding, 'the network configuration on standard input is not a JSON object');
}

/** Level by level: whoever nests objects by the thousand exhausts the stack of a function that calls itself. */
function rejectDeep(input: unknown): void {
  let level: unknown[] = [input];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > mostLevels) {
      throw new Failure(
        codes.decoding,
        `the network configuration on standard input is nested deeper than ${mostLevels} levels`,
      );
    }
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}

function decodeJson(text: string): unknown {
  if (text.trim() === '') throw new Failure(codes.decoding, 'no network configuration on standard input');
  try {
    return parseJson(text);
  } catch (error) {
    throw new Failure(
      codes.decoding,
      `the network configuration on standard input is not JSON: ${reason(error)}`,
      { cause: error },
    );
  }
}

/** VERSION does not read the input, as the specification's library does not: nobody may ever close it. */
function answerVersion(): Record<string, unknown> {
  return { cniVersion: supportedVersions.at(-1), supportedVersions };
}

async function answerVerb<C>(
  verb: VerbName,
  face: Face<C>,
  invocation: Invocation,
  answering: Answering,
): Promise<Record<string, unknown> | undefined> {
  const { environment } = invocation;
  const rule = rules[verb];
  requireParameters(environment, rule.requires);
  if (rule.requires.includes('CNI_CONTAINERID')) attachmentOf(environment);
  const input = parseInput(invocation.readInput());
  const version = versionOf(input);
  answering.version = version;
  if (!isAtLeast(version, rule.since)) {
    throw new Failure(codes.version, `config version does not allow ${verb}`);
  }
  return face.handlers[verb](new Call(face, { environment, version, input }, invocation));
}

function isVerb(command: string): command is VerbName {
  return Object.hasOwn(rules, command);
}

async function answerCommand<C>(
  command: string,
  face: Face<C>,
  invocation: Invocation,
  answering: Answering,
): Promise<Record<string, unknown> | undefined> {
  if (command === 'VERSION') return answerVersion();
  if (isVerb(command)) return answerVerb(command, face, invocation, answering);
  throw new Failure(codes.environment, `unknown CNI_COMMAND: ${command.slice(0, 80)}`);
}

/** The version that an error is written in: the caller's as soon as it is known, till then our newest. */
interface Answering {
  version: string | undefined;
}

/** CNI 1.1.0, "Error". */
function errorObject(error: unknown, cniVersion: string | undefined): Record<string, unknown> {
  const failure =
    error instanceof Failure ? error : new Failure(codes.internal, `unexpected: ${reason(error)}`);
  return { cniVersion, code: failure.code, msg: failure.message, details: withNextStep(failure) };
}

/**
 * One call of the plugin, from environment and standard input to the one object on standard output.
 *
 * @returns always: every exception becomes a CNI error.
 */
export async function answer<C>(command: string, face: Face<C>, invocation: Invocation): Promise<Answer> {
  const answering: Answering = { version: supportedVersions.at(-1) };
  try {
    const result = await answerCommand(command, face, invocation, answering);
    return { output: result ? `${jsonText(result)}\n` : '', status: 0 };
  } catch (error) {
    return { output: `${jsonText(errorObject(error, answering.version))}\n`, status: 1 };
  }
}
