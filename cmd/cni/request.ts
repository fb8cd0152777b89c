import type { Configuration, Locator } from '../../conf/configuration.ts';
import { readBootID } from '../../ipam/store/boot.ts';
import { DiskStore } from '../../ipam/store/disk.ts';
import { isProvablyDead } from '../../netns/link/liveness.ts';
import type { Run } from '../../netns/process/exec.ts';
import type { Environment } from './environment.ts';

/** A call of the plugin, checked as far as every verb needs it. */
export interface Request {
  readonly environment: Environment;
  /** The `cniVersion` to answer in. */
  readonly version: string;
  /** The network configuration: a JSON object, not checked any further. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

/** The way to the outside that a verb gets. */
export interface Host {
  readonly run: Run;
  /** Tells the operator, on standard error, what did not fail the request. */
  warn(sentence: string): void;
}

/** What a verb answers: an object for standard output, or nothing. */
export type Verb = (request: Request, host: Host) => Promise<Record<string, unknown> | undefined>;

export function openStore(place: Pick<Configuration | Locator, 'dataDir' | 'name'>): DiskStore {
  return new DiskStore({ dataDir: place.dataDir, network: place.name, bootID: readBootID() }, isProvablyDead);
}
