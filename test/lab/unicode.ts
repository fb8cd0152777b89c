/** The general categories (Unicode Standard, 4.5). */
export const categories = [
  ...['Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Mn', 'Mc', 'Me', 'Nd', 'Nl', 'No'],
  ...['Pc', 'Pd', 'Ps', 'Pe', 'Pi', 'Pf', 'Po', 'Sm', 'Sc', 'Sk', 'So'],
  ...['Zs', 'Zl', 'Zp', 'Cc', 'Cf', 'Cs', 'Co', 'Cn'],
] as const;

/** The first character of a category that is not ASCII, such as U+0085 of the control characters. */
export function sampleOf(category: (typeof categories)[number]): string {
  const pattern = new RegExp(`\\p{${category}}`, 'u');
  for (let code = 0x80; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    if (pattern.test(character)) return character;
  }
  throw new Error(`no character of category ${category}`);
}

/** One of each category, but surrogates, which UTF-8 does not have; with some that are known to do harm. */
export const oddCharacters = [
  ...categories.filter((category) => category !== 'Cs').map(sampleOf),
  ...['\u001b[31m', '\u0007', '\u007f', '\u009b', '\u202e', '\u2066', '\u200b', '\ufeff'],
];

/** What acts on a terminal, or hides what stands beside it; lines and columns are ours. */
export const harmful = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/u;
