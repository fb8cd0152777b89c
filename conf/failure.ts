/**
 * Error codes of the CNI specification ("Error", section 5), those of its Go library, and, from 100, our own.
 * A runtime shows `msg` and `details` to people; only few of the codes change what it does.
 */
export const codes = {
  version: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  environment: 4,
  io: 5,
  decoding: 6,
  configuration: 7,
  ownNamespace: 8,
  tryAgain: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  exhausted: 100,
  inUse: 101,
  wiring: 102,
  altered: 103,
  internal: 104,
} as const;

export interface FailureOptions {
  /** What the system answered, and what to do next. */
  readonly details?: string;
  readonly cause?: unknown;
}

/** The error that every layer throws when it cannot fulfil a request. It becomes the CNI error on standard output. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** One of `codes`, or one that a delegate gave. */
  readonly code: number;
  readonly details: string;

  /** @param message names the operation and the object, without a full stop. */
  constructor(code: number, message: string, options: FailureOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? '';
  }
}

/** The text of anything thrown, for `details`. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's name for what went wrong (`ENOENT`), if it was a system call that failed. */
export function errno(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Quotes a value from outside for a message: at most one line long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** A list for a message: the first ten items, and how many more there are. */
export function enumerate<T = string>(
  items: readonly T[],
  separator: string,
  describe: (item: T) => string = String,
): string {
  const rest = items.length - 10;
  return [...items.slice(0, 10).map(describe), ...(rest > 0 ? [`and ${rest} more`] : [])].join(separator);
}
