import { type Cidr, type Family, type Interval, intervalOf, sizeOf } from './family.ts';

/** The smallest number of intervals with the same addresses, in order. All CIDRs are of one family. */
export function merged(ranges: readonly Cidr[]): Interval[] {
  const sorted = ranges.map(intervalOf).sort((a, b) => (a.first < b.first ? -1 : 1));
  const done: { first: bigint; last: bigint }[] = [];
  for (const next of sorted) {
    const before = done.at(-1);
    if (!before || next.first > before.last + 1n) done.push({ ...next });
    else if (next.last > before.last) before.last = next.last;
  }
  return done;
}

/** An interval without the addresses of other intervals. */
export function subtract(interval: Interval, taken: readonly Interval[]): Interval[] {
  return taken.reduce<Interval[]>(
    (left, out) =>
      left.flatMap((piece) => {
        if (out.last < piece.first || out.first > piece.last) return [piece];
        const below = { first: piece.first, last: out.first - 1n };
        const above = { first: out.last + 1n, last: piece.last };
        return [below, above].filter(({ first, last }) => first <= last);
      }),
    [interval],
  );
}

/** Whether CIDRs cover all addresses of their family. */
export function isEverything(family: Family, ranges: readonly Cidr[]): boolean {
  return merged(ranges).some(({ first, last }) => last - first + 1n === sizeOf(family, 0));
}

/** `10.0.0.0/8`, `10.0.0.1`, or `10.0.0.0-10.2.255.255` if it is not a CIDR. */
export function formatInterval(family: Family, { first, last }: Interval): string {
  const size = last - first + 1n;
  const bits = size.toString(2).length - 1;
  if (size === 1n) return family.format(first);
  if (size === 1n << BigInt(bits) && first % size === 0n) {
    return `${family.format(first)}/${family.bits - bits}`;
  }
  return `${family.format(first)}-${family.format(last)}`;
}
