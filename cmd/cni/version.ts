import { codes, Failure, quote } from '../../conf/failure.ts';

/** The versions of the CNI specification that we speak, oldest first. */
export const supportedVersions: readonly string[] = [
  '0.1.0',
  '0.2.0',
  '0.3.0',
  '0.3.1',
  '0.4.0',
  '1.0.0',
  '1.1.0',
];

/** What a configuration without `cniVersion` means. */
const unnamed = '0.1.0';

function parts(version: string): [number, number, number] {
  const [, major, minor, patch] = /^(\d{1,5})\.(\d{1,5})\.(\d{1,5})$/.exec(version) ?? [];
  if (major === undefined) throw new Failure(codes.decoding, `cniVersion ${quote(version)} is not a version`);
  return [Number(major), Number(minor), Number(patch)];
}

/** Whether version `a` is `b` or newer. */
export function isAtLeast(a: string, b: string): boolean {
  const [left, right] = [parts(a), parts(b)];
  const different = left.findIndex((part, index) => part !== right[index]);
  return different === -1 || (left[different] ?? 0) > (right[different] ?? 0);
}

/**
 * The `cniVersion` of a configuration, when it is one that we speak.
 *
 * @throws {Failure} code 6 for what is no version, code 1 for one that we do not speak.
 */
export function versionOf(configuration: Readonly<Record<string, unknown>>): string {
  const version = requestedVersion(configuration);
  if (supportedVersions.includes(version)) return version;
  throw new Failure(codes.version, 'incompatible CNI versions', {
    details: `config is "${version}", plugin supports ${JSON.stringify(supportedVersions)}`,
  });
}

/** @throws {Failure} code 6 for what is no version. */
function requestedVersion(configuration: Readonly<Record<string, unknown>>): string {
  const version = configuration['cniVersion'];
  if (version === undefined || version === null || version === '') return unnamed;
  if (typeof version !== 'string') throw new Failure(codes.decoding, 'cniVersion must be a string');
  parts(version);
  return version;
}
