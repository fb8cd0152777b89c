import test from 'ava';
import { Failure } from '../../../conf/failure.ts';
import { FakeKernel } from '../../lab/fake-kernel.ts';
import {
  asPlugin,
  attachmentEnvironment,
  callInProcess,
  hostWith,
  withHandlers,
} from '../../lab/in-process.ts';

function callThat(handler: () => unknown) {
  const verb = async () => handler() as undefined;
  const input = { cniVersion: '1.0.0', name: 'pods' };
  return callInProcess('ADD', {
    environment: attachmentEnvironment,
    input,
    as: withHandlers({ ADD: verb, DEL: verb, CHECK: verb, GC: verb, STATUS: verb }),
    run: new FakeKernel().run,
  });
}

function throwing(thrown: unknown): () => never {
  return () => {
    throw thrown;
  };
}

test('a result is one line of JSON, status 0', async (t) => {
  const { output, status } = await callThat(() => ({ cniVersion: '1.0.0', ips: [] }));
  t.is(output, '{"cniVersion":"1.0.0","ips":[]}\n');
  t.is(status, 0);
});

test('a verb without a result writes nothing', async (t) => {
  const { output, status } = await callThat(() => undefined);
  t.is(output, '');
  t.is(status, 0);
});

test('a failure is a CNI error: version, code, msg, and details that end with what to do', async (t) => {
  const cause = new Error('the cause is not shown');
  const failure = new Failure(102, 'wire eth0', { details: 'look for it', cause });
  const { output, status } = await callThat(throwing(failure));
  t.is(output, '{"cniVersion":"1.0.0","code":102,"msg":"wire eth0","details":"look for it"}\n');
  t.is(status, 1);
  const short = await callThat(throwing(new Failure(7, 'no')));
  t.like(short.object, { code: 7, msg: 'no' });
  t.regex(
    String(short.object?.['details']),
    /^correct the network configuration: "dualstack doctor" says what/,
  );
});

test('the code of a delegate is handed on', async (t) => {
  t.is((await callThat(throwing(new Failure(999, 'no')))).object?.['code'], 999);
});

for (const thrown of [new TypeError('x is not a function'), 'text', undefined, { code: 'EIO' }]) {
  test(`a bug is a CNI error, too, and has no stack: ${String(thrown)}`, async (t) => {
    const { object, status, output } = await callThat(throwing(thrown));
    t.is(status, 1);
    t.is(object?.['code'], 104);
    t.regex(String(object?.['msg']), /^unexpected: /);
    t.notRegex(output, / at |\.ts:/);
  });
}

test('input that cannot be read is a CNI error', async (t) => {
  const { output, status } = await asPlugin('ADD', {
    environment: attachmentEnvironment,
    readInput: throwing(new Failure(5, 'read the standard input: EIO', { details: 'look' })),
    ...hostWith(new FakeKernel().run, () => t.fail()),
  });
  t.is(output, '{"cniVersion":"1.1.0","code":5,"msg":"read the standard input: EIO","details":"look"}\n');
  t.is(status, 1);
});
