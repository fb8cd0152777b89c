import test from 'ava';
import { validAttachments } from '../../../cmd/verbs/gc.ts';
import { Failure } from '../../../conf/failure.ts';

const a = { containerID: 'a', ifname: 'eth0' };
const b = { containerID: 'b', ifname: 'eth0' };

/** What a runtime says is valid; undefined when it says nothing. */
const said: [string, Record<string, unknown>, object[] | undefined][] = [
  ['no list', {}, undefined],
  ['a null list', { 'cni.dev/valid-attachments': null }, undefined],
  ['an older null list', { 'cni.dev/attachments': null }, undefined],
  ['an empty list', { 'cni.dev/valid-attachments': [] }, []],
  ['an older empty list', { 'cni.dev/attachments': [] }, []],
  ['a list', { 'cni.dev/valid-attachments': [a] }, [a]],
  ['an older list', { 'cni.dev/attachments': [a] }, [a]],
  ['both', { 'cni.dev/valid-attachments': [a], 'cni.dev/attachments': [b] }, [a]],
  ['a null one beside an older list', { 'cni.dev/valid-attachments': null, 'cni.dev/attachments': [b] }, [b]],
  ['an empty one beside an older list', { 'cni.dev/valid-attachments': [], 'cni.dev/attachments': [b] }, []],
];

for (const [what, configuration, expected] of said) {
  test(`${what}: ${JSON.stringify(expected)}`, (t) => {
    t.deepEqual<unknown, unknown>(validAttachments(configuration), expected);
  });
}

for (const list of [
  'a',
  {},
  0,
  false,
  [a, null],
  [{ containerID: 'a' }],
  [{ containerID: 7, ifname: 'eth0' }],
]) {
  test(`nothing is guessed from ${JSON.stringify(list)}`, (t) => {
    const error = t.throws(() => validAttachments({ 'cni.dev/valid-attachments': list }), {
      instanceOf: Failure,
    });
    t.is(error.code, 7);
    t.is(error.message, 'cni.dev/valid-attachments must be a list of {containerID, ifname}');
  });
}
