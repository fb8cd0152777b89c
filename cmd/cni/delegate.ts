import { codes, Failure } from '../../conf/failure.ts';
import { isName } from '../../conf/name.ts';
import { CommandError } from '../../netns/process/exec.ts';
import type { Call, Input } from './call.ts';
import type { Environment } from './environment.ts';
import { isExecutable } from './executables.ts';

/** A delegate can wait for a lock or a server. The runtime itself waits for some minutes. */
const deadline = 60_000;

/** The type of the IPAM plugin that a configuration names, whatever else is in it. */
export function delegateOf(input: Input): string | undefined {
  const ipam = input['ipam'];
  const type = typeof ipam === 'object' && ipam !== null && 'type' in ipam ? ipam.type : undefined;
  return typeof type === 'string' && isName(type) ? type : undefined;
}

/** @throws {Failure} code 7 when the plugin is in none of the folders of CNI_PATH. */
export function findDelegate(type: string, environment: Environment): string {
  const folders = (environment['CNI_PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const found = folders.map((folder) => `${folder}/${type}`).find(isExecutable);
  if (found) return found;
  throw new Failure(codes.configuration, `IPAM plugin ${type} is not in CNI_PATH (${folders.join(', ')})`, {
    details: `install ${type} there, or leave ipam out to use the built-in pools`,
  });
}

/** The CNI error that a plugin wrote on its standard output, if it wrote one. */
function errorOf(stdout: string): { code?: unknown; msg?: unknown; details?: unknown } {
  try {
    const parsed: unknown = JSON.parse(stdout);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

function delegateFailure(type: string, verb: string, error: CommandError): Failure {
  const operation = `${verb} by IPAM plugin ${type}`;
  if (error.outcome.kind === 'late') {
    return new Failure(codes.tryAgain, `${operation}: ${error.message}`, { cause: error });
  }
  const { code, msg, details } = errorOf(error.stdout);
  const said = typeof msg === 'string' ? msg : error.message;
  return new Failure(typeof code === 'number' ? code : codes.internal, `${operation}: ${said}`, {
    details: typeof details === 'string' && details !== '' ? details : error.stderr.trim(),
    cause: error,
  });
}

/**
 * Has the IPAM plugin carry out a verb (CNI 1.1.0, section 4, "Plugin Delegation"): same configuration, same
 * environment, so that trace context is passed on as well.
 *
 * @returns what it wrote: a result for ADD, undefined when nothing.
 * @throws {Failure} with the code and the words of the plugin; 7 when it is not there; 11 past the deadline.
 */
export async function delegate(
  type: string,
  verb: string,
  call: Pick<Call, 'environment' | 'input' | 'run'>,
): Promise<unknown> {
  const command = {
    program: findDelegate(type, call.environment),
    args: [],
    env: { ...call.environment, CNI_COMMAND: verb },
    input: JSON.stringify(call.input),
    deadline,
  };
  try {
    const { stdout } = await call.run(command);
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  } catch (error) {
    if (error instanceof CommandError) throw delegateFailure(type, verb, error);
    throw new Failure(codes.decoding, `${verb} by IPAM plugin ${type}: its result is not JSON`, {
      cause: error,
    });
  }
}
