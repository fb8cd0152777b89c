function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Both at once. One that fails leaves the other to its end: what it did is then known, and can be undone.
 *
 * @param one what lets nothing else go on while its programs run.
 * @param other what has begun: it gets as far as its first program before `one` does.
 */
export async function together<T>(one: () => Promise<T>, other: Promise<unknown>): Promise<T> {
  const [first, second] = await Promise.allSettled([nextTurn().then(one), other]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return first.value;
}
