import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { codes, Failure, reason } from '../../../conf/failure.ts';
import { parseJson } from '../../../conf/json.ts';
import { namesIn } from '../../../ipam/store/files.ts';

/** One plugin's configuration out of a list, as the runtime would hand it over, but for what a pod adds. */
export type PluginConfiguration = Readonly<Record<string, unknown>> & { readonly name: string };

/** A network configuration file, read. */
export interface NetworkFile {
  readonly path: string;
  readonly name: string;
  /** Of the plugins, in the order of the list. */
  readonly plugins: readonly PluginConfiguration[];
}

/** A file that the runtime would consider; `problem` when it could not use it. */
export interface Candidate {
  readonly path: string;
  readonly file?: NetworkFile;
  readonly problem?: string;
}

/** What runtimes take for a network configuration (libcni, ConfFiles). */
const extensions = ['.conf', '.conflist', '.json'];

/** What our own network configuration is called. */
export const defaultFileName = '10-dualstack.conflist';

/** The name of our plugin's executable in a configuration's `type`. */
export const ownType = 'dualstack';

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(path: string, why: string, cause?: unknown): Failure {
  return new Failure(codes.configuration, `${path} is not a network configuration: ${why}`, {
    details: 'write it again with "dualstack init", or move it out of the folder',
    cause,
  });
}

function decode(path: string, text: string): Fields {
  try {
    const decoded = parseJson(text);
    if (isObject(decoded)) return decoded;
  } catch (error) {
    throw unusable(path, reason(error), error);
  }
  throw unusable(path, 'it holds no JSON object');
}

/** A list has `plugins`; a single configuration, the older form, is a list of one (CNI 1.1.0, section 1). */
function pluginsOf(path: string, content: Fields): Fields[] {
  const plugins = content['plugins'] ?? [content];
  if (!Array.isArray(plugins) || plugins.length === 0 || !plugins.every(isObject))
    throw unusable(path, 'plugins must be a list of objects, and not empty');
  if (!plugins.every((plugin) => typeof plugin['type'] === 'string'))
    throw unusable(path, 'each plugin must have a type');
  return plugins;
}

/** @throws {Failure} code 7 when the text is no network configuration. */
export function parseNetworkFile(path: string, text: string): NetworkFile {
  const content = decode(path, text);
  const name = content['name'];
  if (typeof name !== 'string' || name === '') throw unusable(path, 'it has no name');
  const plugins = pluginsOf(path, content).map((plugin) => ({
    ...plugin,
    cniVersion: content['cniVersion'],
    name,
  }));
  return { path, name, plugins };
}

/** @throws {Failure} code 5 when it cannot be read, 7 when it is no network configuration. */
export function readNetworkFile(path: string): NetworkFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure(codes.io, `read the network configuration ${path}: ${reason(error)}`, {
      details: 'name a file of /etc/cni/net.d',
      cause: error,
    });
  }
  return parseNetworkFile(path, text);
}

function candidate(path: string): Candidate {
  try {
    return { path, file: readNetworkFile(path) };
  } catch (error) {
    return { path, problem: reason(error) };
  }
}

/** What a runtime finds in its folder: the first one, in lexical order, is the one that it uses. */
export function candidatesIn(folder: string): Candidate[] {
  const names = namesIn(folder).filter((name) => extensions.includes(extname(name)));
  return names.sort().map((name) => candidate(`${folder}/${name}`));
}

/** Our plugin's configuration in a file; undefined when the file is another's. */
export function ownPlugin(file: NetworkFile): PluginConfiguration | undefined {
  return file.plugins.find((plugin) => plugin['type'] === ownType);
}

/** For a person: a file's name in its folder says enough. */
export function fileNameOf(path: string): string {
  return basename(path);
}
