/** The deepest key that we read: `ranges`, a set, a range, its key; and one above, in `runtimeConfig`. */
const depth = 6;

type Path = readonly PropertyKey[];

/** The keys that are known at a place; none where anything goes. */
export type KeysAt = (path: Path) => readonly string[];

/** Whether a value says nothing, as programs in Go read it. */
export function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/**
 * An object without the keys that say nothing. Programs in Go write what nobody set as null, "", [] or {}, and read all
 * of these as unset. What a number of 0 means, the rule of its key says; false is a word like any other. Items of a list
 * stay, for each has its place; and so do unknown keys, which are mistyped.
 */
export function withoutUnset(value: unknown, keysAt: KeysAt = () => [], path: Path = []): unknown {
  if (path.length === depth || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => withoutUnset(item, keysAt, [...path, index]));
  const known = keysAt(path);
  const says = ([key, item]: readonly [string, unknown]) =>
    !isUnset(item) || (known.length > 0 && !known.includes(key));
  const entries = Object.entries(value).map(
    ([key, item]) => [key, withoutUnset(item, keysAt, [...path, key])] as const,
  );
  return Object.fromEntries(entries.filter(says));
}
