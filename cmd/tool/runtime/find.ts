import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { namesIn } from '../../../ipam/store/files.ts';
import { containerdSettings } from './containerd.ts';
import { crioSettings } from './crio.ts';
import type { RuntimeSettings } from './settings.ts';

/** Where containerd's configuration is: its own default, and those of distributions of Kubernetes that bring one. */
const containerdPaths = [
  '/etc/containerd/config.toml',
  '/var/lib/rancher/k3s/agent/etc/containerd/config.toml',
  '/var/lib/rancher/rke2/agent/etc/containerd/config.toml',
];

const crioPath = '/etc/crio/crio.conf';

function mountsOf(process: string): string {
  return readlinkSync(`/proc/${process}/ns/mnt`);
}

/**
 * The words that a process was started with (proc_pid_cmdline(5)); none when it has ended, or sees other files than we:
 * then it is the runtime of a node that is a container.
 */
function wordsOf(process: string): string[] {
  try {
    if (mountsOf(process) !== mountsOf('self')) return [];
    return readFileSync(`/proc/${process}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** The file that a program was told to read, by an option of one of these names. */
function named(words: readonly string[], options: readonly string[]): string | undefined {
  const index = words.findIndex((word) => options.includes(word));
  if (index !== -1) return words[index + 1];
  const joined = words.find((word) => options.some((option) => word.startsWith(`${option}=`)));
  return joined?.slice(joined.indexOf('=') + 1);
}

/** The runtimes that run, by the files that they were told to read. */
function running(): RuntimeSettings[] {
  const processes = namesIn('/proc').filter((name) => /^\d+$/.test(name));
  const found = processes.map(wordsOf).flatMap((words) => {
    const program = basename(words[0] ?? '');
    const path = named(words, ['-c', '--config', '-config']);
    if (program === 'containerd') return [containerdSettings(path ?? defaultContainerdPath())];
    return program === 'crio' ? [crioSettings(path ?? crioPath)] : [];
  });
  const byPath = new Map(found.map((settings) => [settings.path, settings]));
  return [...byPath.values()];
}

function defaultContainerdPath(): string {
  return containerdPaths.find((path) => existsSync(path)) ?? '/etc/containerd/config.toml';
}

/**
 * The container runtimes of this machine: those that run; when none does, those that have a configuration.
 *
 * @param containerdConfig path of containerd's, when somebody named it: then that is all.
 */
export function findRuntimes(containerdConfig: string | undefined): RuntimeSettings[] {
  if (containerdConfig !== undefined) return [containerdSettings(containerdConfig)];
  const alive = running();
  if (alive.length > 0) return alive;
  const installed = [...containerdPaths.map(containerdSettings), crioSettings(crioPath)];
  return installed.filter(({ isThere }) => isThere);
}
