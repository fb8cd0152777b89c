import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';

const main = join(import.meta.dirname, '../../../cmd/script.ts');

test('called by a person, the plugin says on standard error what it is', async (t) => {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [main], {
    env: { CNI_COMMAND: '' },
    input: '',
    reject: false,
  });
  t.is(exitCode, 0);
  t.is(stdout, '');
  t.regex(stderr, /^CNI plugin dualstack /);
  t.regex(
    stderr,
    /^CNI protocol versions supported: 0\.1\.0, 0\.2\.0, 0\.3\.0, 0\.3\.1, 0\.4\.0, 1\.0\.0, 1\.1\.0$/m,
  );
});

test('an endless input is an error, and not read to its end', async (t) => {
  const { exitCode, stdout } = await execa(process.execPath, [main], {
    env: { CNI_COMMAND: 'STATUS', CNI_PATH: '/opt/cni/bin' },
    inputFile: '/dev/zero',
    reject: false,
  });
  t.is(exitCode, 1);
  t.like(JSON.parse(stdout), {
    cniVersion: '1.1.0',
    code: 6,
    msg: 'the standard input is larger than 4194304 bytes',
  });
});
