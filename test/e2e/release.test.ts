import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { native, pack, writeChecksums } from '../../build/release.ts';
import { executable } from '../lab/cni.ts';
import { commandBlocks } from '../lab/documents.ts';
import { openLab } from '../lab/namespaces.ts';

const dist = join(executable, '..');
const files = ['dualstack', 'dualstack-main', 'dualstack.8'].map((name) => join(dist, name));

test('an archive of a release is unpacked by the commands of install.md, and its program starts', async (t) => {
  await using lab = await openLab();
  pack(lab.folder, `dualstack-1.2.3-linux-${native.name}`, files);
  writeChecksums(lab.folder);
  const block = (await commandBlocks('install.md')).find(({ text }) => text.includes('sha256sum'));
  const commands = (block?.text ?? '')
    .replaceAll('linux-amd64', `linux-${native.name}`)
    .replaceAll('/usr/local/', `${lab.folder}/usr/local/`);
  const script = `set -e\n${commands}\n./dualstack --version\n./dualstack man | cmp - ${lab.folder}/usr/local/share/man/man8/dualstack.8`;
  const { stdout } = await execa('bash', ['-c', script], { cwd: lab.folder });
  t.regex(stdout, /^dualstack-1\.2\.3-linux-\w+\.tar\.gz: OK$/m);
  t.regex(stdout, /^dualstack \d+\.\d+\.\d+$/m);
});
