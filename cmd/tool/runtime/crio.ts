import { namesIn } from '../../../ipam/store/files.ts';
import {
  defaultBinDir,
  defaultConfDir,
  listAt,
  type RuntimeSettings,
  readToml,
  type Setting,
  type Table,
  tableAt,
  textAt,
} from './settings.ts';

/** A file's part about networks (CRI-O, crio.conf(5), CRIO.NETWORK TABLE). */
interface Part {
  readonly file: string;
  readonly network: Table;
}

function last<T>(
  parts: readonly Part[],
  key: string,
  read: (table: Table) => T | undefined,
): Setting<T> | undefined {
  const found = parts.flatMap(({ file, network }) => {
    const value = read(network);
    return value === undefined ? [] : [{ value, file, key }];
  });
  return found.at(-1);
}

function folders(table: Table): string[] | undefined {
  const dirs = listAt(table, 'plugin_dirs');
  const old = textAt(table, 'plugin_dir');
  const all = [...dirs, ...(old === undefined ? [] : [old])];
  return all.length > 0 ? all : undefined;
}

/** CRI-O's configuration: its file, then those of the folder beside it, in lexical order. Keys of later ones stand. */
export function crioSettings(path: string): RuntimeSettings {
  const dropIns = namesIn(`${path}.d`)
    .sort()
    .map((name) => `${path}.d/${name}`);
  const read = [path, ...dropIns].map((file) => ({ file, content: readToml(file) }));
  const parts = read.flatMap(({ file, content }) =>
    typeof content === 'object' ? [{ file, network: tableAt(content, 'crio', 'network') }] : [],
  );
  const wanted = last(parts, 'cni_default_network', (table) => textAt(table, 'cni_default_network'));
  return {
    name: 'CRI-O',
    path,
    isThere: parts.length > 0,
    binDirs: last(parts, 'plugin_dirs', folders) ?? {
      value: [defaultBinDir],
      file: undefined,
      key: 'plugin_dirs',
    },
    confDir: last(parts, 'network_dir', (table) => textAt(table, 'network_dir')) ?? {
      value: defaultConfDir,
      file: undefined,
      key: 'network_dir',
    },
    startsLoopback: false,
    ipPref: undefined,
    template: undefined,
    problems: read.flatMap(({ content }) => (typeof content === 'string' ? [content] : [])),
    doubts: wanted
      ? [`CRI-O uses the network named ${wanted.value}, and no other (cni_default_network in ${wanted.file})`]
      : [],
  };
}
