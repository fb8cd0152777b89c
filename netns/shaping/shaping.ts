import { type Limit, unaskedBursts } from '../../conf/rules.ts';

/** The kernel counts a packet with its Ethernet header, in bytes. */
const header = 14;

/** How long a packet may wait for its turn, in seconds, before more are dropped: what CNI's bandwidth plugin has. */
const patience = 0.025;

/** The kernel's limit of a length in bytes. */
const longest = 2 ** 32 - 1;

/**
 * A burst that nobody asked for is cut to what the rate needs: so much time of it, and two segments as the kernel hands them down.
 * Measured with one TCP connection from 1 Mbit/s to 5 Gbit/s: with less, slow links lose packets, and fast ones a
 * twentieth of the rate; with more nothing is won.
 */
const needed = { seconds: 0.025, bytes: 2 * 65536 };

/** A limit as the kernel's token bucket filter has it (tc-tbf(8)). */
export interface Bucket {
  /** In bytes per second. */
  readonly rate: number;
  /** In bytes. */
  readonly burst: number;
  /** How much may wait, in bytes. */
  readonly queue: number;
}

/** A burst that holds no packet would let none pass, ever: the least one holds a packet of the link's MTU, in bytes. */
export function bucketOf(limit: Limit, mtu: number): Bucket {
  const rate = Math.floor(limit.rate / 8);
  const asked = unaskedBursts.includes(limit.burst)
    ? Math.max(Math.ceil(rate * needed.seconds), needed.bytes)
    : Math.floor(limit.burst / 8);
  const burst = Math.min(Math.max(asked, mtu + header), longest);
  return { rate, burst, queue: Math.min(burst + Math.ceil(rate * patience), longest) };
}

/** Lines for `tc -batch`: what leaves a link leaves it no faster than the limit. */
export function planShaping(limit: Limit, link: string, mtu: number): string[] {
  const { burst, queue } = bucketOf(limit, mtu);
  return [`qdisc add dev ${link} root tbf rate ${BigInt(limit.rate)}bit burst ${burst}b limit ${queue}b`];
}

/**
 * One queueing discipline as `tc -json qdisc show` tells it:
 *
 *     {"kind":"tbf","handle":"8001:","root":true,"refcnt":2,"options":{"rate":2500000,"burst":125000,"lat":25000}}
 */
export interface Qdisc {
  readonly kind: string;
  readonly root?: boolean;
  /** In bytes per second, and bytes. */
  readonly options?: { readonly rate?: number; readonly burst?: number };
}

/** `tc` tells a burst by the time that it takes: in whole microseconds, of a number of 32 bits with 64 ns each. */
const microsecond = 1e-6;
const longestTold = 2 ** 32 * 64e-9;

function isBurst(told: number, { rate, burst }: Bucket): boolean {
  const isTold = burst / rate < longestTold;
  return !isTold || Math.abs(told - burst) <= 1 + 2 * microsecond * rate;
}

/** Whether a link has the planned limits. @returns a sentence for each difference; none if there is none. */
export function shapingProblems(limit: Limit, link: string, mtu: number, qdiscs: readonly Qdisc[]): string[] {
  const wanted = bucketOf(limit, mtu);
  const shaper = qdiscs.find(({ kind, root }) => kind === 'tbf' && root);
  if (!shaper) return [`the limit of ${limit.rate} bits per second is missing on ${link}`];
  const { rate = 0, burst = 0 } = shaper.options ?? {};
  if (rate !== wanted.rate)
    return [`the limit on ${link} is ${rate * 8} bits per second, not ${limit.rate} as requested`];
  if (isBurst(burst, wanted)) return [];
  return [`the burst on ${link} is ${burst * 8} bits, not ${wanted.burst * 8} as requested`];
}
