import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { Call } from '../../../cmd/cni/call.ts';
import { delegate, delegateOf, findDelegate } from '../../../cmd/cni/delegate.ts';
import { plugin } from '../../../cmd/verbs/plugin.ts';
import { Failure } from '../../../conf/failure.ts';
import { expectedRuns, type Reply } from '../../lab/expected-runs.ts';
import { hostWith } from '../../lab/in-process.ts';
import { temporaryFolder } from '../../lab/stores.ts';

const types: [unknown, string | undefined][] = [
  [undefined, undefined],
  [null, undefined],
  ['host-local', undefined],
  [{}, undefined],
  [{ type: 7 }, undefined],
  [{ type: '../host-local' }, undefined],
  [{ type: '-x' }, undefined],
  [{ type: 'host-local' }, 'host-local'],
];

for (const [ipam, expected] of types) {
  test(`ipam ${JSON.stringify(ipam)} names ${expected ?? 'no plugin'}`, (t) => {
    t.is(delegateOf({ ipam }), expected);
  });
}

/** A CNI_PATH of two folders: the first has a file that nobody may run, the second the plugin. */
function folders(t: ExecutionContext): string {
  const folder = temporaryFolder(t);
  for (const name of ['first', 'second']) {
    mkdirSync(`${folder}/${name}`);
    writeFileSync(`${folder}/${name}/host-local`, '');
  }
  chmodSync(`${folder}/second/host-local`, 0o755);
  return `:${folder}/first:${folder}/second`;
}

test('the plugin is the first executable of its name in CNI_PATH', (t) => {
  const path = folders(t);
  t.is(findDelegate('host-local', { CNI_PATH: path }), `${path.split(':')[2]}/host-local`);
});

test('a plugin that is nowhere', (t) => {
  const error = t.throws(() => findDelegate('static', { CNI_PATH: '/a:/b' }), { instanceOf: Failure });
  t.is(error.code, 7);
  t.is(error.message, 'IPAM plugin static is not in CNI_PATH (/a, /b)');
  t.regex(error.details, /^install static there, or leave ipam out/);
});

const configuration = { cniVersion: '1.0.0', name: 'pods', ipam: { type: 'host-local' } };

/** Has the plugin answer, and checks what it was asked. */
function asked(t: ExecutionContext, verb: string, answer: Reply): Promise<unknown> {
  const environment = { CNI_COMMAND: 'ADD', CNI_PATH: folders(t), TRACEPARENT: '00-1-2-01' };
  const command = {
    program: findDelegate('host-local', environment),
    args: [],
    env: { ...environment, CNI_COMMAND: verb },
    input: JSON.stringify(configuration),
    deadline: 60_000,
  };
  const host = hostWith(expectedRuns(t, [[command, answer]]), () => t.fail());
  return delegate(
    'host-local',
    verb,
    new Call(plugin, { environment, version: '1.0.0', input: configuration }, host),
  );
}

test('it gets the same configuration and environment, trace context included, and the verb', async (t) => {
  t.deepEqual(await asked(t, 'ADD', { stdout: '{"ips":[]}\n' }), { ips: [] });
  t.is(await asked(t, 'DEL', { stdout: '\n' }), undefined);
});

const failed = { kind: 'failed', status: 1 } as const;
const failures: [string, Reply, number, string, string][] = [
  [
    'its own error',
    { outcome: failed, stdout: '{"code":11,"msg":"try later","details":"a lock"}' },
    11,
    'ADD by IPAM plugin host-local: try later',
    'a lock',
  ],
  [
    'an error without words',
    { outcome: failed, stdout: '{"code":"x","msg":7}', stderr: 'panic\n' },
    104,
    'ADD by IPAM plugin host-local: host-local: exit status 1',
    'panic',
  ],
  [
    'no JSON on a failure',
    { outcome: failed, stdout: 'panic' },
    104,
    'ADD by IPAM plugin host-local: host-local: exit status 1',
    '',
  ],
  [
    'no answer',
    { outcome: { kind: 'late', milliseconds: 60_000 } },
    11,
    'ADD by IPAM plugin host-local: host-local: no answer within 60 s',
    '',
  ],
  ['no JSON', { stdout: 'ok' }, 6, 'ADD by IPAM plugin host-local: its result is not JSON', ''],
];

for (const [what, answer, code, message, details] of failures) {
  test(`it answers with ${what}: ${code} ${message}`, async (t) => {
    const error = await t.throwsAsync(asked(t, 'ADD', answer), { instanceOf: Failure });
    t.is(error.code, code);
    t.is(error.message.replace(/\/\S*\/host-local:/, 'host-local:'), message);
    t.is(error.details, details);
  });
}
