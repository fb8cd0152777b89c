import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { call, executable, type Result, succeeded } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { configuration, dataDirOf } from '../lab/pods.ts';
import { confDirOf, tool, writeConfiguration, writeConflist } from '../lab/tool.ts';
import { filesUnder } from '../lab/traces.ts';
import { harmful, oddCharacters } from '../lab/unicode.ts';

const odd = oddCharacters.join('');

/** Every command, with names that somebody else has chosen. */
function callsOf(confDir: string): string[][] {
  return [
    ['leases', '--conf-dir', confDir],
    ['leases', '--conf-dir', confDir, '--network', odd],
    ['doctor', '--conf-dir', confDir],
    ['explain', '--conf-dir', confDir],
    ['explain', join(confDir, '20-odd.conflist')],
    ['repair', '--conf-dir', confDir],
    ['init', '--conf-dir', join(confDir, odd), '--pod-cidr', '10.0.0.0/24', '--name', odd],
    ['init', '--conf-dir', confDir, '--pod-cidr', odd],
    ['install', '--bin-dir', join(confDir, odd)],
    ['completion', odd],
    [odd],
  ];
}

test('whatever is in files, links and words, nothing of it acts on a terminal, and JSON is JSON', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  succeeded(await call(node, 'ADD', configuration(lab), { netns: pod.path }));
  const hostEnd = (await node.links()).find((name) => name.startsWith('vethds')) ?? '';
  await node.run('ip', 'link', 'set', 'dev', hostEnd, 'alias', odd.slice(0, 60));
  await node.run('ip', 'link', 'add', 'x\u001b[31m\u009b', 'type', 'veth', 'peer', 'name', 'y\u202e\u0001');

  const index = join(dataDirOf(lab), '.dualstack');
  for (const file of await filesUnder(index)) {
    const text = await readFile(join(index, file), 'utf8');
    await writeFile(join(index, file), text.replace('container-1', JSON.stringify(odd).slice(1, -1)));
  }
  await writeConflist(lab);
  await mkdir(join(confDirOf(lab), odd));
  await writeConfiguration(lab, `30${odd}.conflist`, '{');
  const plugins = [{ type: 'dualstack', podCIDRs: [odd], [odd]: odd }, { type: odd }];
  await writeConfiguration(lab, '20-odd.conflist', { cniVersion: '1.0.0', name: odd, plugins });

  for (const words of callsOf(confDirOf(lab))) {
    const name = words[0] === odd ? 'an odd word' : words.slice(0, 1).join(' ');
    const { stdout, stderr } = await tool(node, words);
    t.false(harmful.test(stdout), `${name}: ${JSON.stringify(stdout)}`);
    t.false(harmful.test(stderr), `${name}: ${JSON.stringify(stderr)}`);
    const json = await tool(node, [...words, '--json']);
    t.false(harmful.test(json.stdout + json.stderr), `${name} --json: ${JSON.stringify(json)}`);
    if (json.stdout !== '') t.notThrows(() => JSON.parse(json.stdout), name);
    const line = words.map((word) => `'${word}'`).join(' ');
    const env = { NO_COLOR: '1', TERM: 'dumb' };
    // Lines end with a carriage return there, and doctor says where it is on a line that it clears.
    const shown = await execa(
      'ip',
      ['netns', 'exec', node.name, 'script', '-qec', `${executable} ${line}`, '/dev/null'],
      { env, reject: false },
    );
    t.false(
      harmful.test(shown.stdout.replaceAll('\r\n', '\n').replaceAll('\r\u001b[K', '')),
      `${name}, on a terminal: ${JSON.stringify(shown.stdout)}`,
    );
  }
  const { stdout } = await tool(node, ['leases', '--conf-dir', confDirOf(lab), '--json']);
  t.regex(stdout, /"containerID": "[^"]*\\u202e/);
});

test('a pod that gives its interface an alias of control characters harms no verb', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const config = configuration(lab, { cniVersion: '1.1.0' });
  const how = { netns: pod.path };
  const result = succeeded(await call(node, 'ADD', config, how));
  await pod.run('ip', 'link', 'set', 'dev', 'eth0', 'alias', odd.slice(0, 60));
  await pod.run('ip', 'link', 'add', '\u0001\u001b[31m', 'type', 'veth', 'peer', 'name', '\u0002');
  await node.run('ip', 'link', 'add', '\u0001\u001b[31m', 'type', 'veth', 'peer', 'name', '\u0002');
  succeeded(await call(node, 'CHECK', { ...config, prevResult: result }, how));
  succeeded(await call(node, 'STATUS', config));
  const valid = [{ containerID: 'container-1', ifname: 'eth0' }];
  succeeded(await call(node, 'GC', { ...config, 'cni.dev/valid-attachments': valid }));
  succeeded(await call(node, 'CHECK', { ...config, prevResult: result }, how));
  t.deepEqual(succeeded(await call(node, 'DEL', config, how)), {} as Result);
  succeeded(await call(node, 'GC', { ...config, 'cni.dev/valid-attachments': [] }));
});
