import { globSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import {
  defaultBinDir,
  defaultConfDir,
  isTable,
  listAt,
  type RuntimeSettings,
  readToml,
  type Setting,
  type Table,
  tableAt,
  textAt,
} from './settings.ts';

/** Where CRI's part is, by the version of the file (containerd, docs/cri/config.md); the last serves later ones. */
const sections = ['cri', 'io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.runtime'] as const;

/** A file of containerd's configuration, or one that it imports. */
interface File {
  readonly path: string;
  readonly content: Table;
}

/** All files of a configuration, in the order in which containerd reads them: later ones stand over earlier ones. */
interface Files {
  readonly files: readonly File[];
  readonly problems: readonly string[];
}

/** Relative to the file that imports; with a star, all that match (containerd, resolveImports). */
function importedBy({ path, content }: File): string[] {
  return listAt(content, 'imports').flatMap((name) => {
    const whole = normalize(isAbsolute(name) ? name : join(dirname(path), name));
    return whole.includes('*') ? globSync(whole).sort() : [whole];
  });
}

function readFiles(path: string): Files {
  const files: File[] = [];
  const problems: string[] = [];
  const pending = [path];
  const seen = new Set<string>();
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const content = readToml(next);
    if (typeof content === 'string') problems.push(content);
    else if (content) {
      files.push({ path: next, content });
      pending.push(...importedBy({ path: next, content }));
    } else if (next !== path) problems.push(`${next}, which is imported, is not there`);
  }
  return { files, problems };
}

/** What CRI is told of CNI, each with the file that says so. */
type CniSettings = Readonly<Record<string, { readonly value: unknown; readonly file: string }>>;

/** A file without a version is one of version 1. */
function sectionOf({ content }: File): string {
  const version = typeof content['version'] === 'number' ? content['version'] : 1;
  return sections[Math.min(version, sections.length) - 1] ?? sections[0];
}

/**
 * containerd 2 merges imported files key by key, and appends lists. containerd 1 has a plugin's section of a later file
 * stand for the whole of it.
 */
function merged(files: readonly File[], byKey: boolean): CniSettings {
  let settings: CniSettings = {};
  for (const file of files) {
    const plugins = tableAt(file.content, 'plugins');
    const section = plugins[sectionOf(file)];
    if (!isTable(section)) continue;
    const own = Object.entries(tableAt(section, 'cni')).map(([key, value]) => {
      const before = byKey ? settings[key]?.value : undefined;
      const isList = Array.isArray(value) && Array.isArray(before);
      return [key, { value: isList ? [...new Set([...before, ...value])] : value, file: file.path }] as const;
    });
    settings = { ...(byKey && settings), ...Object.fromEntries(own) };
  }
  return settings;
}

type Cni = Pick<RuntimeSettings, 'binDirs' | 'confDir' | 'startsLoopback' | 'ipPref' | 'template'>;

function text(settings: CniSettings, key: string): Setting<string> | undefined {
  const setting = settings[key];
  const value = setting && textAt({ [key]: setting.value }, key);
  return value === undefined ? undefined : { value, file: setting?.file, key };
}

/** `bin_dirs` is of containerd 2.1. */
function binDirsOf(settings: CniSettings): Setting<readonly string[]> {
  const dirs = settings['bin_dirs'];
  const list = dirs ? listAt({ list: dirs.value }, 'list') : [];
  if (dirs && list.length > 0) return { value: list, file: dirs.file, key: 'bin_dirs' };
  const one = text(settings, 'bin_dir');
  return { value: [one?.value ?? defaultBinDir], file: one?.file, key: 'bin_dir' };
}

function cniOf(settings: CniSettings): Cni {
  return {
    binDirs: binDirsOf(settings),
    confDir: text(settings, 'conf_dir') ?? { value: defaultConfDir, file: undefined, key: 'conf_dir' },
    startsLoopback: settings['use_internal_loopback']?.value !== true,
    ipPref: text(settings, 'ip_pref'),
    template: text(settings, 'conf_template'),
  };
}

function valuesOf(cni: Cni): string {
  return JSON.stringify([cni.binDirs.value, cni.confDir.value, cni.ipPref?.value, cni.template?.value]);
}

/** Handlers of which each may have a folder of its own. */
function handlersElsewhere(files: readonly File[]): string[] {
  return files.flatMap((file) => {
    const runtimes = tableAt(file.content, 'plugins', sectionOf(file), 'containerd', 'runtimes');
    return Object.entries(runtimes).flatMap(([name, runtime]) => {
      const folder = isTable(runtime) ? textAt(runtime, 'cni_conf_dir') : undefined;
      return folder === undefined
        ? []
        : [
            `pods of the runtime handler ${name} have their network from ${folder} (cni_conf_dir in ${file.path})`,
          ];
    });
  });
}

function several(settings: CniSettings): string[] {
  const number = settings['max_conf_num'];
  return number === undefined || number.value === 1 || typeof number.value !== 'number'
    ? []
    : [
        `containerd takes up to ${number.value || 'all'} network configurations at once (max_conf_num in ${number.file})`,
      ];
}

function doubtsOf(files: readonly File[], settings: CniSettings, other: Cni): string[] {
  const differ = valuesOf(cniOf(settings)) !== valuesOf(other);
  const imports = files.slice(1).map(({ path }) => path);
  return [
    ...(differ
      ? [
          `containerd 1 and 2 read the files that are imported differently (${imports.join(', ')}): ask "containerd config dump"`,
        ]
      : []),
    ...handlersElsewhere(files),
    ...several(settings),
  ];
}

/** containerd's configuration, from its first file on. */
export function containerdSettings(path: string): RuntimeSettings {
  const { files, problems } = readFiles(path);
  const isOfSecond = files.some((file) => sectionOf(file) === sections[2]);
  const settings = merged(files, true);
  const other = isOfSecond ? settings : merged(files, false);
  return {
    name: 'containerd',
    path,
    isThere: files.some((file) => file.path === path) || problems.length > 0,
    ...cniOf(settings),
    problems,
    doubts: doubtsOf(files, settings, cniOf(other)),
  };
}
