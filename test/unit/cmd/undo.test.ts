import test from 'ava';
import { Undo } from '../../../cmd/verbs/undo.ts';

test('the last thing is undone first, once', async (t) => {
  const done: string[] = [];
  const undo = new Undo();
  undo.push('first', () => void done.push('first'));
  undo.push('second', async () => void done.push('second'));
  t.is(await undo.run(), undefined);
  t.is(await undo.run(), undefined);
  t.deepEqual(done, ['second', 'first']);
});

test('a step that fails is told, and keeps what came before it: that may be in use yet', async (t) => {
  const done: string[] = [];
  const undo = new Undo();
  undo.push('release the lease', () => void done.push('lease'));
  undo.push('remove the link', async () => {
    throw new Error('the kernel is busy');
  });
  undo.push('close', () => void done.push('close'));
  t.is(await undo.run(), 'could not undo: remove the link: the kernel is busy');
  t.deepEqual(done, ['close']);
});
