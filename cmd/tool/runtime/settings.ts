import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { errno, reason } from '../../../conf/failure.ts';

/** A value, and the file that says so; undefined for the runtime's own default. */
export interface Setting<T> {
  readonly value: T;
  readonly file: string | undefined;
  /** The key as it is spelt there. */
  readonly key: string;
}

/** What a container runtime makes of its configuration, as far as it concerns CNI plugins. */
export interface RuntimeSettings {
  readonly name: 'containerd' | 'CRI-O';
  /** The file that it begins with, be it there or not. */
  readonly path: string;
  readonly isThere: boolean;
  /** Where it looks for plugins, the first of these first. */
  readonly binDirs: Setting<readonly string[]>;
  /** Where it looks for network configurations. */
  readonly confDir: Setting<string>;
  /** Whether it starts a plugin `loopback` in each pod. */
  readonly startsLoopback: boolean;
  /** containerd: `ipv4`, `ipv6` or `cni`. */
  readonly ipPref: Setting<string> | undefined;
  /** containerd: the template that it makes a network configuration from, when kubelet tells it the podCIDRs. */
  readonly template: Setting<string> | undefined;
  /** A sentence for each file that cannot be read or understood: the runtime does not start with it. */
  readonly problems: readonly string[];
  /** A sentence for each thing that was not looked at, or has more than one meaning. */
  readonly doubts: readonly string[];
}

export const defaultBinDir = '/opt/cni/bin';
export const defaultConfDir = '/etc/cni/net.d';

/** A table of TOML. */
export type Table = Readonly<Record<string, unknown>>;

export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The table at a path of keys; empty when there is none. */
export function tableAt(table: Table, ...keys: readonly string[]): Table {
  const [first, ...rest] = keys;
  if (first === undefined) return table;
  const next = table[first];
  return isTable(next) ? tableAt(next, ...rest) : {};
}

/** A text that says something: an empty one is none, as programs in Go have it. */
export function textAt(table: Table, key: string): string | undefined {
  const value = table[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function listAt(table: Table, key: string): string[] {
  const value = table[key];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string' && item !== '') : [];
}

/** A file of TOML; a sentence when it is none. Undefined when there is no file. */
export function readToml(path: string): Table | string | undefined {
  try {
    return parse(readFileSync(path, 'utf8')) as Table;
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    const [first = ''] = reason(error).split('\n');
    return errno(error) === undefined
      ? `${path} is no TOML: ${first}`
      : `${path} cannot be read: ${reason(error)}`;
  }
}
