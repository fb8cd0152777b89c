import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '../..');

/** What README says of a file: that it has tests with these titles. */
interface Reference {
  readonly file: string;
  readonly titles: readonly string[];
}

/** `(`test/e2e/gc.test.ts`: _one title_; _another_)`, over the ends of lines. */
function references(markdown: string): Reference[] {
  const text = markdown.replaceAll(/\s+/g, ' ');
  const found = text.matchAll(/\(`(test\/[\w/-]+\.test\.ts)`: (_.*?_)\)/g);
  return [...found].map(([, file = '', titles = '']) => ({
    file,
    titles: titles.slice(1, -1).split('_; _'),
  }));
}

/** The titles of a file's tests, as patterns: what a template fills in may be anything. */
function titlePatterns(source: string): RegExp[] {
  const titles = [...source.matchAll(/^ *test(?:\.serial)?\(\s*(['`])(.*?)\1,/gms)].map(
    ([, , title = '']) => title,
  );
  return titles.map((title) => {
    const parts = title.split(/\$\{.*?\}/).map((part) => part.replaceAll(/[^\w\s]/g, '\\$&'));
    return new RegExp(`^${parts.join('.+')}$`);
  });
}

test('every test that the README names is there', (t) => {
  const named = references(readFileSync(join(root, 'README.md'), 'utf8'));
  t.true(named.length > 15);
  for (const { file, titles } of named) {
    t.true(existsSync(join(root, file)), file);
    const patterns = titlePatterns(readFileSync(join(root, file), 'utf8'));
    for (const title of titles)
      t.true(
        patterns.some((pattern) => pattern.test(title)),
        `${file}: ${title}`,
      );
  }
});
