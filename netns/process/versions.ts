import { readFileSync } from 'node:fs';
import { CommandError, type Run } from './exec.ts';

/** A version, its most important part first. */
type Version = readonly number[];

interface Versioned {
  /** What has it say its version. */
  readonly args: readonly string[];
  /** What people know it as. */
  readonly name: string;
  /**
   * What it says, with its version: `nftables v1.0.6 (Lester Gooch #5)`, `ip utility, iproute2-6.1.0, libbpf 1.1.2`.
   * iproute2 before 5.9 says a date, `iproute2-ss200127`.
   */
  readonly pattern: RegExp;
  /** The oldest that the end-to-end tests passed with: Debian 12's nftables, Debian 11's iproute2. */
  readonly least: Version;
}

const programs: Readonly<Record<string, Versioned>> = {
  nft: { args: ['--version'], name: 'nftables', pattern: /nftables v(\d+(?:\.\d+)+)/, least: [1, 0, 6] },
  ip: { args: ['-V'], name: 'iproute2', pattern: /iproute2-(\d+(?:\.\d+)+|ss\d+)/, least: [5, 9] },
};

/** Whether a version of the program matters. */
export function hasVersion(program: string): boolean {
  return program in programs;
}

/** Of a text like `6.1.0-18-amd64`; nothing for `ss200127`, which is older than any that has numbers. */
function parseVersion(text: string): Version {
  return (/^\d+(?:\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number);
}

function isOlder(version: Version, least: Version): boolean {
  const difference = least.map((part, index) => (version[index] ?? 0) - part).find((part) => part !== 0);
  return difference !== undefined && difference < 0;
}

/** A program or a kernel that is older than any that the tests run with. */
export interface Outdated {
  /** `nftables 0.9.8 is older than 1.0.6`. */
  readonly sentence: string;
  readonly program: string;
}

function outdated(program: string, name: string, text: string, least: Version): Outdated[] {
  if (!isOlder(parseVersion(text), least)) return [];
  return [{ program, sentence: `${name} ${text} is older than ${least.join('.')}` }];
}

/** What a program says of itself, that does so on either stream. */
async function answer(run: Run, program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run({ program, args });
    return stdout + stderr;
  } catch (error) {
    if (error instanceof CommandError) return '';
    throw error;
  }
}

/** The version of `nft` or `ip`, as it says it itself; undefined when it does not. */
export async function versionOf(run: Run, program: string): Promise<string | undefined> {
  const known = programs[program];
  return known?.pattern.exec(await answer(run, program, known.args))?.[1];
}

/**
 * Those of these programs that are too old. One that does not say what it is may be anything: others find out.
 */
export async function outdatedPrograms(run: Run, names: readonly string[]): Promise<Outdated[]> {
  const found: Outdated[] = [];
  for (const program of names) {
    const known = programs[program];
    const text = await versionOf(run, program);
    if (known && text) found.push(...outdated(program, known.name, text, known.least));
  }
  return found;
}

/** As uname(2) says: `6.1.0-18-amd64`. */
export function kernelRelease(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}

/** Debian 11's: what nftables needs of the kernel is tried where it is older. */
const leastKernel: Version = [5, 10];

export function outdatedKernel(release: string): Outdated[] {
  return outdated('Linux', 'Linux', release, leastKernel);
}
