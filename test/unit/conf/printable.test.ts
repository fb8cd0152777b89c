import test from 'ava';
import { jsonText, printable } from '../../../conf/printable.ts';
import { categories, sampleOf } from '../../lab/unicode.ts';

for (const category of categories) {
  test(`a character of category ${category} acts on no terminal, and stays in JSON`, (t) => {
    const character = sampleOf(category);
    const acts = /^(?:C.|Zl|Zp)$/.test(category);
    t.is(printable(`a${character}b`), acts ? 'a?b' : `a${character}b`);
    const text = jsonText({ [character]: character }, 1);
    t.is(text.includes(character), !acts);
    t.deepEqual(JSON.parse(text), { [character]: character });
  });
}

test('lines of JSON stay lines', (t) => {
  t.is(jsonText({ a: 'x\ny' }, 1), '{\n "a": "x\\ny"\n}');
});
