/** `runtimeConfig`, a capability, its list, a list in that, an object. */
const depth = 5;

/**
 * Capabilities as the conventions spell them. containerd's library writes the names of its Go fields (`HostPort`,
 * `Servers`), because a Go reader ignores case.
 */
export function inConventionalSpelling(value: unknown, levels = depth): unknown {
  if (levels === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => inConventionalSpelling(item, levels - 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.charAt(0).toLowerCase() + key.slice(1),
      inConventionalSpelling(item, levels - 1),
    ]),
  );
}
