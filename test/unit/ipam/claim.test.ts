import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isLater, newOwner, removeDeadClaims, withClaim } from '../../../ipam/store/claim.ts';
import { anotherProcess, temporaryFolder } from '../../lab/stores.ts';

/** The claim of another process. */
function rival(): string {
  return `key.${anotherProcess()}`;
}

test('a claim lasts as long as the action, also when that throws', (t) => {
  const folder = join(temporaryFolder(t), 'claims');
  t.true(withClaim(folder, 'key', () => t.is(readdirSync(folder).length, 1)));
  t.throws(() =>
    withClaim(folder, 'key', () => {
      throw new Error('of the action');
    }),
  );
  t.deepEqual(readdirSync(folder), []);
});

test('beside a living rival nothing is done; under another key it is', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(`${folder}/${rival()}`, '');
  t.false(withClaim(folder, 'key', () => t.fail()));
  t.true(withClaim(folder, 'ke', () => t.pass()));
  removeDeadClaims(folder);
  t.deepEqual(readdirSync(folder), [rival()]);
});

test('what a killed process left counts for nothing, also when its number is in use again', (t) => {
  const folder = temporaryFolder(t);
  for (const name of ['key.4194304.1', `key.${process.ppid}.1`, 'key.nonsense', 'key.']) {
    writeFileSync(`${folder}/${name}`, '');
  }
  t.true(withClaim(folder, 'key', () => t.pass()));
  t.deepEqual(readdirSync(folder), []);
});

test('owners are told apart by when they began', (t) => {
  const [first, second] = [newOwner(), newOwner()];
  t.true(isLater(second, first));
  t.false(isLater(first, second));
  t.false(isLater(first, first));
  t.true(isLater('1.200.1', '9.100.7'));
  t.false(isLater('', first));
});
