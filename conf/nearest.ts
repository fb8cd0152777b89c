/** Edits (insert, delete, replace, swap neighbours) that turn one word into the other: optimal string alignment. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : replaced;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped));
    }
  }
  return at(a.length, b.length);
}

/** Whether at least half of the longer word stays unchanged after this number of edits. */
function isNear(edits: number, a: string, b: string): boolean {
  return edits * 2 <= Math.max(a.length, b.length);
}

/** The known word that was probably meant: the closest one, unless half of it would have to change. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const near = known
    // A difference in length needs at least that many edits, so a very long word is not compared at all.
    .filter((candidate) => isNear(Math.abs(word.length - candidate.length), word, candidate))
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => isNear(edits, word, candidate));
  return near.sort((a, b) => a.edits - b.edits)[0]?.candidate;
}
