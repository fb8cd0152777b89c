import test from 'ava';
import { codes, Failure } from '../../../conf/failure.ts';
import { isProvablyDead } from '../../../netns/link/liveness.ts';
import { identityOf, isNamespace, isOwnNamespace, openNamespace } from '../../../netns/link/namespace.ts';

const own = '/proc/self/ns/net';
const nowhere = '/run/netns/dualstack-nowhere';

test('a namespace is told from a file, a folder and nothing', (t) => {
  t.true(isNamespace(own));
  for (const path of [nowhere, '/etc/hostname', '/run', '', '/proc/self/ns/net/x', '/a\0b']) {
    t.false(isNamespace(path), path);
    const error = t.throws(() => openNamespace(path), { instanceOf: Failure });
    t.is(error.code, codes.environment);
    t.is(error.message, `CNI_NETNS: there is no network namespace at ${path}`);
  }
});

test('our own namespace is told from others', (t) => {
  t.true(isOwnNamespace(own));
  t.true(isOwnNamespace(`/proc/${process.pid}/ns/net`));
  t.false(isOwnNamespace('/proc/self/ns/mnt'));
  t.false(isOwnNamespace(nowhere));
});

test('an open namespace has a descriptor until it is closed', (t) => {
  const namespace = openNamespace(own);
  t.true(isOwnNamespace(`/proc/self/fd/${namespace.descriptor}`));
  namespace.close();
  t.false(isOwnNamespace(`/proc/self/fd/${namespace.descriptor}`));
});

test('dead is who has neither a namespace nor a link, and only when the namespace is known', (t) => {
  const attachment = { containerID: 'dualstack-unit-nobody', ifname: 'eth0' };
  t.true(isProvablyDead(attachment, nowhere));
  t.true(isProvablyDead(attachment, '/etc/hostname'));
  t.false(isProvablyDead(attachment, own));
  t.false(isProvablyDead(attachment, ''));
  t.false(isProvablyDead(attachment, nowhere, identityOf(own)), 'something holds it yet');
  t.true(isProvablyDead(attachment, own, '4:1'), 'its path leads to another by now');
  t.false(isProvablyDead(attachment, '', '4:1'));
});
