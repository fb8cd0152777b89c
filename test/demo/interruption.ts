import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What ends the work between two steps, so that all that was made is known and can be removed. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** As shells give it (128 and the signal's number). */
  readonly exitStatus: number;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.exitStatus = 128 + constants.signals[signal];
  }
}

/** What tells whether a signal came. */
export interface HeldSignals {
  /** The first one, if any came. */
  interruption(): Interrupted | undefined;
  /** @throws {Interrupted} once one came. */
  goOn(): void;
}

/** From now on a signal that would end this process is remembered instead. */
export function holdSignals(): HeldSignals {
  let received: Interrupted | undefined;
  for (const signal of signals) {
    process.on(signal, () => {
      received ??= new Interrupted(signal);
    });
  }
  return {
    interruption: () => received,
    goOn: () => {
      if (received) throw received;
    },
  };
}
