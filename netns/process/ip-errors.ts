/** What iproute2 answered when it failed, as far as we act on it. */
export interface IpError {
  readonly kind: 'exists' | 'absent' | 'not permitted' | 'other';
  /** Which line of a batch failed, counted from 1. */
  readonly line: number | undefined;
  /** The answer in iproute2's own words, in one line. */
  readonly text: string;
}

const kinds = [
  ['exists', /File exists|[Aa]ddress already assigned/],
  ['absent', /Cannot find device|does not exist|No such (device|process|file)/],
  ['not permitted', /Operation not permitted/],
] as const;

/**
 * Reads the standard error of `ip -batch -`:
 *
 *     RTNETLINK answers: File exists
 *     Command failed -:3
 */
export function classifyIpError(stderr: string): IpError {
  const failed = /^Command failed -:(\d+)$/m.exec(stderr);
  const lines = stderr.split('\n').map((line) => line.trim());
  const text = lines.filter((line) => line !== '' && !line.startsWith('Command failed')).join('; ');
  const [kind] = kinds.find(([, pattern]) => pattern.test(text)) ?? ['other' as const];
  return { kind, line: failed ? Number(failed[1]) : undefined, text };
}
