import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build, type Metafile } from 'esbuild';
import { tracksConnections } from '../../../netns/host/host.ts';
import type { Command } from '../../../netns/process/exec.ts';
import { FakeKernel } from '../../lab/fake-kernel.ts';
import { attachmentEnvironment, callInProcess, podNamespaces } from '../../lab/in-process.ts';
import { temporaryFolder } from '../../lab/stores.ts';
import { watchFiles } from '../../lab/watched-files.ts';

/*
 * What every pod pays for, counted: each program that is started costs 2 ms or more, each package that is loaded has
 * cost 5 to 60. Who adds one here should have measured it (docs/performance.md).
 */

watchFiles();

/** The program, behind nsenter as well, and what tells two calls of one from each other. */
function nameOf({ program, args }: Command): string {
  const words = program === 'nsenter' ? args.slice(args.indexOf('--') + 1) : [program, ...args];
  return words.filter((word) => !word.startsWith('/') && word !== '-').join(' ');
}

/** A node where a pod was added before, so that the firewall is as it should be; then one more pod. */
async function openNode(t: ExecutionContext) {
  const kernel = new FakeKernel();
  const input = {
    cniVersion: '1.1.0',
    name: 'pods',
    dataDir: join(temporaryFolder(t), 'data'),
    podCIDRs: ['10.0.0.0/24', 'fd00::/64'],
    ipMasq: true,
  };
  const call = async (verb: string, containerID: string, netns: string) => {
    const environment = { ...attachmentEnvironment, CNI_CONTAINERID: containerID, CNI_NETNS: netns };
    const { output, status } = await callInProcess(verb, { environment, input, run: kernel.run });
    t.is(status, 0, output);
    return kernel.started.splice(0).map(nameOf);
  };
  await call('ADD', 'first', podNamespaces[0] ?? '');
  return (verb: string) => call(verb, 'second', podNamespaces[1] ?? '');
}

test('an ADD starts four programs, and a DEL three', async (t) => {
  const call = await openNode(t);
  t.deepEqual(await call('ADD'), ['ip -batch', 'nft -f', 'tee', 'ip -batch']);
  const removal = ['nft -f', 'ip -details -json -force -batch', 'ip -batch'];
  const forgotten = tracksConnections() ? ['conntrack --dump --output save'] : [];
  t.deepEqual((await call('DEL')).sort(), [...removal, ...forgotten].sort());
});

/**
 * All that is loaded before the first line runs: a module that is imported when it is needed is none of it, nor is
 * one of which the bundle has nothing.
 */
function loadedAtOnce({ inputs, outputs }: Metafile, entry: string): string[] {
  const [bundle] = Object.values(outputs);
  const found = new Set<string>();
  const follow = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, kind } of inputs[path]?.imports ?? [])
      if (kind !== 'dynamic-import') follow(next);
  };
  follow(entry);
  const isBundled = (path: string) => (bundle?.inputs[path]?.bytesInOutput ?? 0) > 0;
  return [...found].filter((path) => path.startsWith('node:') || isBundled(path));
}

/** A package, a module of Node.js, or a room of ours. */
function originOf(path: string): string {
  const [, ofPackage] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
  return ofPackage ?? (path.startsWith('node:') ? path : path.replace(/\/.*$/, ''));
}

for (const entry of ['cmd/entry/script.ts', 'cmd/entry/snapshot.ts']) {
  test(`${entry} loads nothing that the way of a pod does not need`, async (t) => {
    const root = join(import.meta.dirname, '../../..');
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      metafile: true,
      write: false,
      outdir: 'dist',
    });
    const paths = loadedAtOnce(metafile, entry);
    const ofBuild = entry === 'cmd/entry/snapshot.ts' ? ['node:os', 'node:v8'] : [];
    const ofPod = ['node:child_process', 'node:crypto', 'node:fs', 'node:path'];
    t.deepEqual(
      [...new Set(paths.map(originOf))].sort(),
      ['cmd', 'conf', 'ip-address', 'ipam', 'netns', 'zod', ...ofPod, ...ofBuild].sort(),
    );
    t.deepEqual(
      paths.filter((path) => /zod\/v4\/(classic|locales\/(?!(en|index)\.js))/.test(path)),
      [],
      'of zod, the small form alone, and no language but one',
    );
  });
}
