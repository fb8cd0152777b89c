import test from 'ava';
import { execa } from 'execa';
import { commands } from '../../cmd/tool/engine/commands.ts';
import { manualPage } from '../../cmd/tool/manual/manual.ts';
import { literal } from '../../cmd/tool/manual/roff.ts';
import { executable } from '../lab/cni.ts';
import { systemPath } from '../lab/namespaces.ts';

/** What groff prints on a terminal of 80 columns, without its signs for bold and underlined. @throws on any warning. */
async function rendered(page: string): Promise<string> {
  const options = { input: page, env: { PATH: systemPath, GROFF_NO_SGR: '1' }, extendEnv: false };
  const { stdout, stderr } = await execa('groff', ['-ww', '-man', '-Tutf8', '-rLL=80n', '-P-cbou'], options);
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

test('dualstack man prints a page that groff renders without a warning, within 80 columns', async (t) => {
  const { stdout: page } = await execa(executable, ['man'], { env: { PATH: systemPath }, extendEnv: false });
  const text = await rendered(page);
  t.regex(text, /^DUALSTACK\(8\)/);
  t.deepEqual(
    text.split('\n').filter((line) => line.length > 80),
    [],
  );
});

test('the page has every command, flag and example of the help', async (t) => {
  const text = (await rendered(manualPage(commands, '1.2.3'))).replaceAll(/\s+/g, ' ');
  for (const { name, flags, examples } of commands) {
    t.true(text.includes(`dualstack ${name} [options]`), name);
    for (const flag of flags) t.true(text.includes(`--${flag.name} `), `${name} --${flag.name}`);
    for (const [line] of examples) t.true(text.includes(line), line);
  }
});

const texts = ['.TH not a request', "'so /etc/passwd", 'C:\\new \\fB \\n', `'"\`^~-`, 'größer … →'];

for (const text of texts) {
  test(`text is printed as it is: ${text}`, async (t) => {
    const page = `.TH T 8\n.SH S\n.nh\n.ad l\n${literal(text)}\n`;
    t.true((await rendered(page)).split('\n').includes(`       ${text}`));
  });
}
