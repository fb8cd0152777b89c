/** Both, which have begun. One that fails leaves the other to its end: what it did is then known, and can be undone. */
export async function together<T>(one: Promise<T>, other: Promise<unknown>): Promise<T> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return first.value;
}
