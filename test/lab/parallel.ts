/** Works the items off, so many at a time, and returns their outcomes in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const outcomes: R[] = [];
  const entries = items.entries();
  const worker = async () => {
    for (const [index, item] of entries) outcomes[index] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return outcomes;
}
