import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** The functions of node:fs that change something, and how many paths come first in their arguments. */
const changing = {
  appendFileSync: 1,
  chmodSync: 1,
  copyFileSync: 2,
  linkSync: 2,
  mkdirSync: 1,
  renameSync: 2,
  rmSync: 1,
  rmdirSync: 1,
  symlinkSync: 2,
  truncateSync: 1,
  unlinkSync: 1,
  writeFileSync: 1,
} as const;

/** What this process changed since it is watched. */
export interface WatchedFiles {
  /** Every path that was to be written, made, moved or removed, but those of settings. */
  readonly paths: Set<string>;
  /** Settings of the kernel (/proc/sys) that were to be written: they are not. */
  readonly settings: Map<string, string>;
}

/**
 * From here on this process writes no setting of the machine, and everything else that it changes in files is
 * noted. For tests that call the plugin in process: it knows node:fs only by these functions.
 */
export function watchFiles(): WatchedFiles {
  const watched: WatchedFiles = { paths: new Set(), settings: new Map() };
  for (const [name, count] of Object.entries(changing) as [keyof typeof changing, number][]) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    const guarded = (...args: unknown[]) => {
      const paths = args.slice(0, count).map(String);
      if (paths.some((path) => path.startsWith('/proc/sys/'))) {
        watched.settings.set(paths[0] ?? '', String(args[1]));
        return undefined;
      }
      for (const path of paths) watched.paths.add(path);
      return original(...args);
    };
    Object.assign(fs, { [name]: guarded });
  }
  syncBuiltinESMExports();
  return watched;
}
