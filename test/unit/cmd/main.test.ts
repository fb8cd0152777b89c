import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';

const main = join(import.meta.dirname, '../../../cmd/entry/script.ts');

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

test('a result that nobody gets is no success', async (t) => {
  const { exitCode, stderr } = await execa('sh', ['-c', '"$0" "$1" > /dev/full', process.execPath, main], {
    env: { CNI_COMMAND: 'VERSION' },
    input: '',
    reject: false,
  });
  t.is(exitCode, 1);
  t.is(stderr, '');
});

test('an input that cannot be read is an error that says why', async (t) => {
  const { exitCode, stdout } = await execa('sh', ['-c', '"$0" "$1" < /', process.execPath, main], {
    env: { CNI_COMMAND: 'STATUS', CNI_PATH: '/opt/cni/bin' },
    reject: false,
  });
  t.is(exitCode, 1);
  t.like(JSON.parse(stdout), {
    code: 5,
    msg: 'read the standard input: EISDIR: illegal operation on a directory, read',
  });
});
