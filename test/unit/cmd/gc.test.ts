import test from 'ava';
import { collect, validAttachments } from '../../../cmd/verbs/gc.ts';
import { Failure } from '../../../conf/failure.ts';
import type { Attachment } from '../../../ipam/store/store.ts';
import { openDisk, temporaryFolder } from '../../lab/stores.ts';

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

test('GC of thousands looks at each attachment a few times, not once for each other', async (t) => {
  const count = 5000;
  let looks = 0;
  const names = Array.from({ length: count }, (_, index) => `pod-${index}`);
  const valid = names.map((containerID) => ({
    get containerID() {
      looks++;
      return containerID;
    },
    ifname: 'eth0',
  }));
  const store = openDisk(temporaryFolder(t));
  const gone = { containerID: 'gone', ifname: 'eth0' };
  const pods = [...names.map((containerID) => ({ containerID, ifname: 'eth0' })), gone];
  store.known = () =>
    pods.map((attachment) => ({ attachment, netns: undefined, pod: undefined, isBeingAdded: false }));
  const removed: Attachment[] = [];
  await collect({ 'cni.dev/valid-attachments': valid }, store, (attachment) => removed.push(attachment), []);
  t.deepEqual(removed, [gone]);
  t.true(looks <= 10 * count, `${looks} looks`);
});

test('GC with a list leaves what a call is at adding, and removes what one that was killed left', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '/run/netns/a' });
  await store.begin(b, { netns: '/run/netns/b' });
  store.confirm(b, []);
  const removed: Attachment[] = [];
  await collect({ 'cni.dev/valid-attachments': [] }, openDisk(dataDir), (one) => removed.push(one), []);
  t.deepEqual(removed, [b]);
});
