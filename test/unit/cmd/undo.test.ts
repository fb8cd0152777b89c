import test from 'ava';
import { Undo } from '../../../cmd/undo.ts';

test('the last thing is undone first, once', async (t) => {
  const done: string[] = [];
  const undo = new Undo();
  undo.push('first', () => void done.push('first'));
  undo.push('second', async () => void done.push('second'));
  t.deepEqual(await undo.run(), []);
  t.deepEqual(await undo.run(), []);
  t.deepEqual(done, ['second', 'first']);
});

test('a step that fails is told, and keeps none of the others from it', async (t) => {
  const done: string[] = [];
  const undo = new Undo();
  undo.push('release the lease', () => void done.push('lease'));
  undo.push('remove the link', async () => {
    throw new Error('the kernel is busy');
  });
  undo.push('close', () => {
    throw 'text';
  });
  t.deepEqual(await undo.run(), [
    'could not undo: close: text',
    'could not undo: remove the link: the kernel is busy',
  ]);
  t.deepEqual(done, ['lease']);
});
