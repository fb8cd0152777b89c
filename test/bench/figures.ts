import type { BurstFigures } from './bursts.ts';
import type { LeaseFigures } from './leases.ts';
import type { PathsFigures } from './packets.ts';
import type { LifeFigures } from './rounds.ts';

/** What was measured of one contestant, in milliseconds, MiB and Gbit/s; what was not measured is absent. */
export interface ContestantFigures {
  readonly name: string;
  /** Whether it does what ours does for a pod: these are drawn. */
  readonly isEqual: boolean;
  readonly life: LifeFigures;
  readonly memory: number;
  readonly burst?: BurstFigures;
  readonly leases?: readonly LeaseFigures[];
  readonly firstPacket: Readonly<Record<'IPv4' | 'IPv6', number>>;
  readonly paths?: PathsFigures;
}

/** What a plugin on Node.js cannot go below, in milliseconds. */
export interface FloorFigures {
  /** An empty program. */
  readonly empty: number;
  readonly emptyCpu: number;
  /** The two calls of `ip` of an ADD, and the one of a DEL. */
  readonly ip: { readonly ADD: number; readonly DEL: number };
}

/** One run of the bench: what docs/bench.json holds. */
export interface BenchFigures {
  readonly machine: {
    readonly cpus: number;
    readonly kernel: string;
    readonly node: string;
    /** Processes that wanted to run, before the bench and at its end, whose own are among them: 0 and 2 is quiet. */
    readonly load: readonly number[];
  };
  readonly rounds: number;
  readonly pods: number;
  readonly floor: FloorFigures;
  /** Where the reference plugins of each version come from. */
  readonly references: Readonly<Record<string, string>>;
  /** Us first. */
  readonly contestants: readonly ContestantFigures[];
  /** What could not be measured, and why. */
  readonly omitted: readonly string[];
}
