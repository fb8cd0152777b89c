import { writeFileSync } from 'node:fs';
import test from 'ava';
import { readBootID } from '../../../ipam/store/boot.ts';
import { temporaryFolder } from '../../lab/stores.ts';

test('the kernel names this boot, and always the same way', (t) => {
  t.regex(readBootID(), /^[0-9a-f-]{36}$/);
  t.is(readBootID(), readBootID());
});

for (const content of ['', '\n', '../../etc', 'a/b', 'x'.repeat(65)]) {
  test(`${JSON.stringify(content).slice(0, 20)} names no boot: it would become the name of a folder`, (t) => {
    const path = `${temporaryFolder(t)}/boot_id`;
    t.is(readBootID(path), 'unknown');
    writeFileSync(path, content);
    t.is(readBootID(path), 'unknown');
  });
}
