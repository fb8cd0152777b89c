import { codes, enumerate, Failure, quote } from '../../conf/failure.ts';
import { isName } from '../../conf/name.ts';
import type { Attachment } from '../../ipam/store/store.ts';

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
  if (isName(id) && id.length <= 1024) return id;
  throw rejected(
    `invalid CNI_CONTAINERID ${quote(id)}: it must start with a letter or digit, and contain only letters, digits, "_", "." and "-"`,
  );
}

/**
 * The kernel's rule for names of interfaces (net/core/dev.c, dev_valid_name), without those that become something
 * else on the way: the kernel fills in a pattern (`eth%d`), and a batch of `ip` has comments (`#`), quotes and
 * continued lines.
 */
function interfaceName(environment: Environment): string {
  const name = environment['CNI_IFNAME'] ?? '';
  const isValid = /^[^\s/:#%\\"'\p{Cc}]{1,15}$/u.test(name) && Buffer.byteLength(name) <= 15;
  if (isValid && name !== '.' && name !== '..') return name;
  throw rejected(
    `invalid CNI_IFNAME ${quote(name)}: it must have 1 to 15 bytes, no white space, none of / : # % \\ " ', and must not be "." or ".."`,
  );
}

/** @throws {Failure} code 4 for a container ID or interface name that breaks the rules. */
export function attachmentOf(environment: Environment): Attachment {
  return { containerID: containerID(environment), ifname: interfaceName(environment) };
}

/** The keys of CNI_ARGS that we read, and the others that Kubernetes sends. */
const knownArguments = [
  'IgnoreUnknown',
  'IP',
  'MAC',
  'K8S_POD_NAMESPACE',
  'K8S_POD_NAME',
  'K8S_POD_INFRA_CONTAINER_ID',
  'K8S_POD_UID',
];

/** A mistyped key would be silently ignored, so it is an error unless the caller says otherwise. */
function rejectUnknown(args: ReadonlyMap<string, string>): void {
  if (/^(?:1|true)$/i.test(args.get('IgnoreUnknown') ?? '')) return;
  const unknown = [...args.keys()].filter((key) => !knownArguments.includes(key));
  if (unknown.length === 0) return;
  const keys = unknown.map((key) => key.slice(0, 80));
  throw rejected(`invalid CNI_ARGS: unknown keys ${enumerate(keys, ', ')}, and IgnoreUnknown is not 1`);
}

/**
 * CNI_ARGS, `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0`.
 *
 * @throws {Failure} code 4 for what is no list of pairs, and for a key that is unknown and not to be ignored.
 */
export function argumentsOf(environment: Environment): ReadonlyMap<string, string> {
  const text = environment['CNI_ARGS'] ?? '';
  const pairs = text.split(';').filter((pair) => pair !== '');
  const args = new Map(pairs.map(splitPair));
  rejectUnknown(args);
  return args;
}

/** The longest that Kubernetes has: a namespace's and a pod's, and what is between them. */
const longestPodName = 63 + 1 + 253;

/** `default/web-0`, when the runtime says so in words that are safe to pass on. */
export function podNameOf(args: ReadonlyMap<string, string>): string | undefined {
  const names = ['K8S_POD_NAMESPACE', 'K8S_POD_NAME'].map((key) => args.get(key) ?? '');
  const areSafe = names.every((name) => /^[a-zA-Z0-9._-]+$/.test(name));
  return areSafe ? names.join('/').slice(0, longestPodName) : undefined;
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  if (equals < 1) throw rejected(`invalid CNI_ARGS: ${quote(pair)} is not KEY=VALUE`);
  return [pair.slice(0, equals), pair.slice(equals + 1)];
}
