import { codes, Failure } from '../conf/failure.ts';
import type { Attachment } from '../ipam/store.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that carry a request (CNI 1.1.0, "Parameters"). */
export type Parameter = 'CNI_CONTAINERID' | 'CNI_NETNS' | 'CNI_IFNAME' | 'CNI_PATH';

function rejected(message: string): Failure {
  return new Failure(codes.environment, message);
}

/** @throws {Failure} code 4, listing all that are missing at once. */
export function requireParameters(environment: Environment, required: readonly Parameter[]): void {
  const missing = required.filter((name) => !environment[name]);
  if (missing.length > 0) throw rejected(`required env variables [${missing.join(',')}] missing`);
}

/** The rule for container IDs (CNI 1.1.0, "Parameters", CNI_CONTAINERID); the bound keeps log lines readable. */
function containerID(environment: Environment): string {
  const id = environment['CNI_CONTAINERID'] ?? '';
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(id) && id.length <= 1024) return id;
  throw rejected(
    `invalid CNI_CONTAINERID ${JSON.stringify(id.slice(0, 80))}: it must begin with a letter or digit and go on with those, "_", "." or "-"`,
  );
}

/** The kernel's rule for names of interfaces (net/core/dev.c, dev_valid_name). */
function interfaceName(environment: Environment): string {
  const name = environment['CNI_IFNAME'] ?? '';
  const isValid = /^[^\s/:\p{Cc}]{1,15}$/u.test(name) && Buffer.byteLength(name) <= 15;
  if (isValid && name !== '.' && name !== '..') return name;
  throw rejected(
    `invalid CNI_IFNAME ${JSON.stringify(name.slice(0, 80))}: it must have 1 to 15 bytes, no "/", ":" or white space, and not be "." or ".."`,
  );
}

/** @throws {Failure} code 4 for a container ID or interface name that breaks the rules. */
export function attachmentOf(environment: Environment): Attachment {
  return { containerID: containerID(environment), ifname: interfaceName(environment) };
}

/**
 * CNI_ARGS, `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0`.
 *
 * @throws {Failure} code 4 for what is no list of pairs.
 */
export function argumentsOf(environment: Environment): ReadonlyMap<string, string> {
  const text = environment['CNI_ARGS'] ?? '';
  const pairs = text.split(';').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw rejected(`invalid CNI_ARGS: "${pair.slice(0, 80)}" is no KEY=VALUE`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}
