/** `runtimeConfig`, a capability, its list, a list in that, an object. */
const depth = 5;

/**
 * Capabilities as the conventions spell them. containerd's library writes the names of its Go fields (`HostPort`,
 * `Servers`), and null for an empty list: a reader in Go minds neither.
 */
export function inConventionalSpelling(value: unknown, levels = depth): unknown {
  if (levels === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => inConventionalSpelling(item, levels - 1));
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(
    entries.map(([key, item]) => [
      key.charAt(0).toLowerCase() + key.slice(1),
      inConventionalSpelling(item, levels - 1),
    ]),
  );
}
