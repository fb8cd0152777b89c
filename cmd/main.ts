import { basename } from 'node:path';
import { printable } from '../conf/printable.ts';
import { run } from '../netns/process/exec.ts';
import { thisNode } from './cni/call.ts';
import { type Answer, answer, type Face, type Invocation } from './cni/protocol.ts';
import { supportedVersions } from './cni/version.ts';
import { readStandardInput, write } from './entry/streams.ts';
import { logged } from './log/logged.ts';
import { ipamPlugin } from './verbs/ipam.ts';
import { loopbackPlugin } from './verbs/loopback.ts';
import { plugin } from './verbs/plugin.ts';

/** Put in by the build. */
const version = process.env['DUALSTACK_VERSION'];

/** The plugin that wires pods, with its log. */
export const loggedPlugin: Face = { ...plugin, handlers: logged(plugin.handlers) };

type AnswerAs = (command: string, invocation: Invocation) => Promise<Answer>;

function as<C>(face: Face<C>): AnswerAs {
  return (command, invocation) => answer(command, face, invocation);
}

const ownName = 'dualstack';

/** What the executable is, by the name that it is called by. */
const faces: Readonly<Record<string, AnswerAs>> = {
  [ownName]: as(loggedPlugin),
  'dualstack-ipam': as(ipamPlugin),
  loopback: as(loopbackPlugin),
};

/** The name that we were called by: of the executable, or of the script that Node.js was given. */
function calledBy(): string {
  const names = [process.argv0, process.argv[1] ?? ''].map((path) => basename(path, '.cjs'));
  return names.find((name) => Object.hasOwn(faces, name)) ?? ownName;
}

function about(): string {
  return `CNI plugin ${calledBy()} ${version}\nCNI protocol versions supported: ${supportedVersions.join(', ')}\nFor people: dualstack --help\n`;
}

/** What a person gets: the tool, which is loaded only then. With nothing to do it is the text of a plugin. */
async function answerPerson(words: readonly string[]): Promise<void> {
  if (words.length === 0) {
    write(2, about());
    return;
  }
  const { serve } = await import('./tool/main.ts');
  const { output, complaint, status } = await serve(words, version ?? '', {
    run,
    tell: (text) => write(2, text),
  });
  write(1, output);
  write(2, complaint);
  process.exit(status);
}

/** What commands are looked for in when the runtime names no PATH, which the system's own default is too short for. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Node.js would write files, of what it saw of us, for this variable: the one that no option stands over. */
function quietEnvironment(): void {
  if (process.env['NODE_V8_COVERAGE']) process.getBuiltinModule('node:v8').stopCoverage();
  process.env['PATH'] ||= defaultPath;
}

/** The executable's entry: a runtime's call has CNI_COMMAND set, a person's has not. */
export async function main(): Promise<void> {
  const command = process.env['CNI_COMMAND'];
  quietEnvironment();
  if (!command) return answerPerson(process.argv.slice(2));
  const invocation: Invocation = {
    environment: process.env,
    readInput: readStandardInput,
    ...thisNode(run, (sentence) => write(2, `dualstack: ${printable(sentence)}\n`)),
  };
  const { output, status: exitStatus } = await (faces[calledBy()] ?? as(loggedPlugin))(command, invocation);
  const isHeard = write(1, output);
  // At once: a program that did not end in time may still hold our pipes. A runtime that got no result has no pod.
  process.exit(isHeard ? exitStatus : 1);
}
