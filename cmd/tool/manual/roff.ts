/** Characters that groff reads as something else in running text, or draws as another sign (groff_char(7)). */
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\(rs',
  '-': '\\-',
  "'": '\\(aq',
  '"': '\\(dq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};

/** Any text as groff prints it unchanged; a period at its beginning would be a request. */
export function literal(text: string): string {
  const escaped = text.replaceAll(/[\\\-'"`^~]|[^\x20-\x7e]/gu, (sign) => escapes[sign] ?? unicode(sign));
  return escaped.replace(/^\./, '\\&.');
}

function unicode(sign: string): string {
  return `\\[u${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;
}

export function bold(text: string): string {
  return `\\fB${literal(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${literal(text)}\\fR`;
}

/** A macro with arguments, each of which may hold spaces. */
export function macro(name: string, ...words: readonly string[]): string {
  return [`.${name}`, ...words.map((word) => `"${word}"`)].join(' ');
}

/** A term and its description, indented (man(7)). */
export function item(term: string, description: string): string {
  return ['.TP', term, description].join('\n');
}
