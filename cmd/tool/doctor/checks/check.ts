import type { Configuration } from '../../../../conf/configuration.ts';
import type { Failure } from '../../../../conf/failure.ts';
import type { Preference } from '../../../../ipam/preference.ts';
import type { Run } from '../../../../netns/process/exec.ts';
import type { Environment } from '../../../cni/environment.ts';
import type { Candidate, NetworkFile, PluginConfiguration } from '../../init/conflist.ts';
import { defaultConfDir, type RuntimeSettings } from '../../runtime/settings.ts';

/** How bad it is: `note` is for what looks wrong and is not. */
export type Level = 'ok' | 'note' | 'warning' | 'broken';

export interface Finding {
  readonly level: Level;
  /** What was found, in a sentence without a full stop. */
  readonly found: string;
  /** Command lines that mend it, one after the other, for a shell of root's. */
  readonly remedy?: readonly string[];
  /** What a command alone does not mend. */
  readonly advice?: string;
}

/** What doctor looks at: the host that it runs on, and the configuration that its runtime would use. */
export interface Patient {
  readonly run: Run;
  readonly environment: Environment;
  /** The executable's own path, for remedies. */
  readonly executable: string;
  /** What that starts, from its own folder; undefined where Node.js runs the script. */
  readonly program: string | undefined;
  /** The executable's own. */
  readonly version: string;
  /** The container runtimes of this machine: the first of them is the one that is looked at. */
  readonly runtimes: readonly RuntimeSettings[];
  /** Where network configurations are: as somebody typed, else where the runtime looks. */
  readonly confDir: string;
  /** Where plugins are, the same. */
  readonly binDirs: readonly string[];
  /** Tells who waits how far a long check has come. */
  readonly progress: (text: string) => void;
  /** What the runtime finds, its choice first. */
  readonly candidates: readonly Candidate[];
  /** The file that is examined. */
  readonly file: NetworkFile | undefined;
  /** Our plugin in it. */
  readonly plugin: PluginConfiguration | undefined;
  /** Undefined when it cannot be used: `complaint` says why. */
  readonly configuration: Configuration | undefined;
  /** Undefined when it cannot be used, or when another plugin gives the addresses. */
  readonly preference: Preference | undefined;
  readonly complaint: Failure | undefined;
}

export interface Check {
  readonly name: string;
  readonly run: (patient: Patient) => Finding[] | Promise<Finding[]>;
}

export function ok(found: string): Finding {
  return { level: 'ok', found };
}

/** A word of a command line as a shell takes it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Without dots as separators: names of interfaces may hold some (sysctl(8)). */
export function setting(path: string, value: number | string): string {
  return `sysctl -w ${shellWord(`${path.replace('/proc/sys/', '')}=${value}`)}`;
}

/** Our own tool, and its words. Where it looks by default, it is not told where to look. */
export function command({ executable, confDir }: Patient, ...words: readonly string[]): string {
  const place = confDir === defaultConfDir ? [] : ['--conf-dir', shellWord(confDir)];
  return [shellWord(executable), ...words, ...place].join(' ');
}

/** What has a pod made anew, by the alias of its host end: `default/web-0`. Undefined when it names none. */
export function deletionOf(alias: string | undefined): string | undefined {
  const [, namespace, pod] = /^([a-z0-9.-]+)\/([a-z0-9.-]+)$/.exec(alias ?? '') ?? [];
  return namespace && pod && `kubectl delete pod --namespace ${namespace} ${pod}`;
}

/** Writes the configuration from what the cluster says of this node. */
export function initFromCluster(patient: Patient): string {
  return `kubectl get node "$(hostname)" -o json | ${command(patient, 'init', '-')}`;
}
