import test from 'ava';
import fc from 'fast-check';
import {
  formatEntryHead,
  formatLease,
  isHeldBy,
  parseEntry,
  parseLease,
} from '../../../ipam/store/lease-file.ts';

const containerID = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,70}$/);
const ifname = fc.stringMatching(/^[^\s/:]{1,15}$/);

test('every lease reads back', (t) => {
  fc.assert(
    fc.property(containerID, ifname, (id, name) => {
      const attachment = { containerID: id, ifname: name };
      t.deepEqual(parseLease(formatLease(attachment)), attachment);
    }),
  );
});

test('every index entry reads back, without what others turned out to have', (t) => {
  fc.assert(
    fc.property(
      containerID,
      fc.string(),
      fc.uniqueArray(fc.ipV4()),
      fc.uniqueArray(fc.ipV6()),
      (id, netns, own, lost) => {
        const attachment = { containerID: id, ifname: 'eth0' };
        const lines = [...own, ...lost.flatMap((address) => [address, `-${address}`])];
        const content =
          formatEntryHead(attachment, { netns }, '7.8') + lines.map((line) => `${line}\n`).join('');
        const empty = {
          records: [],
          identity: undefined,
          delegate: undefined,
          pod: undefined,
          added: false,
          ended: false,
        };
        t.deepEqual(parseEntry(content), { attachment, netns, owner: '7.8', addresses: own, ...empty });
        t.true(parseEntry(`${content}+\n`)?.added);
        t.true(parseEntry(`${content}+\n!\n`)?.ended);
      },
    ),
  );
});

test('whatever is in a file, it is a lease or none', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
      const lease = parseLease(content);
      t.true(lease === undefined || lease.containerID !== '');
      t.notThrows(() => parseEntry(content));
    }),
  );
});

test('an entry from before owners were noted reads as nobody’s', (t) => {
  t.is(parseEntry('{"containerID":"a","ifname":"eth0","netns":""}\n')?.owner, '');
});

const none = ['', '\n', '\r\n', '\r\neth0', '../x\r\neth0', '<html>', '\0', '-a\r\neth0'];

for (const content of none) {
  test(`${JSON.stringify(content)} is no lease`, (t) => {
    t.is(parseLease(content), undefined);
  });
}

test('host-local’s own lines are read, with an end of line or without an interface', (t) => {
  t.deepEqual(parseLease('4a1f\r\neth0\r\n'), { containerID: '4a1f', ifname: 'eth0' });
  t.deepEqual(parseLease('4a1f'), { containerID: '4a1f', ifname: '' });
  t.true(isHeldBy({ containerID: '4a1f', ifname: '' }, { containerID: '4a1f', ifname: 'eth1' }));
  t.false(isHeldBy({ containerID: '4a1f', ifname: 'eth0' }, { containerID: '4a1f', ifname: 'eth1' }));
  t.false(isHeldBy({ containerID: '4a', ifname: '' }, { containerID: '4a1f', ifname: 'eth0' }));
});
