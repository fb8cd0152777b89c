/** What nft said of one line of its input. */
export interface Complaint {
  /** Counted from 1. */
  readonly line: number;
  readonly kind: 'exists' | 'absent' | 'other';
  /** In nft's own words. */
  readonly text: string;
}

const kinds = [
  // Before Linux 6.0 an element that maps to something else is "busy".
  ['exists', /File exists|Device or resource busy/],
  ['absent', /No such file or directory/],
] as const;

/**
 * Reads the standard error of `nft -f -`:
 *
 *     /dev/stdin:2:41-48: Error: Could not process rule: File exists
 *     add element inet dualstack ports_ipv4 { tcp . 80 : 10.1.1.2 . 80 }
 *                                             ^^^^^^^^
 */
export function parseComplaints(stderr: string): Complaint[] {
  const found = stderr.matchAll(/^\S+?:(\d+):\d+-\d+: Error: (.*)$/gm);
  return [...found].map(([, line, text = '']) => {
    const [kind] = kinds.find(([, pattern]) => pattern.test(text)) ?? ['other' as const];
    return { line: Number(line), kind, text };
  });
}

/** Whether nft reported that what the command line names does not exist. */
export function isAbsent(stderr: string): boolean {
  return /^Error: No such file or directory/m.test(stderr);
}
