/** The deepest key that we read: `ranges`, a set, a range, its key; and one above, in `runtimeConfig`. */
const depth = 6;

type Path = readonly PropertyKey[];

/** The known keys at a place; empty if any key is allowed. */
export type KeysAt = (path: Path) => readonly string[];

/** Whether a Go program would treat a value as not set. */
export function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/**
 * An object without keys that are not set. Go programs write a value that nobody set as null, "", [] or {}, and read
 * all of these as not set. What 0 means is decided by the rule of the key; false is a value. List items stay because
 * their position matters, and unknown keys stay because they are probably mistyped.
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
