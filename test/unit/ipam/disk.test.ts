import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { codes, Failure } from '../../../conf/failure.ts';
import { allocate } from '../../../ipam/allocate.ts';
import { digestOf } from '../../../ipam/attachment.ts';
import { DiskStore } from '../../../ipam/store/disk.ts';
import { entriesOfAllNetworks } from '../../../ipam/store/lease-index.ts';
import type { Attachment } from '../../../ipam/store/store.ts';
import { preferenceFrom } from '../../lab/pools.ts';
import { anotherProcess, openDisk, release, temporaryFolder } from '../../lab/stores.ts';
import { filesUnder, leases, storeTraces } from '../../lab/traces.ts';

const a = { containerID: 'a', ifname: 'eth0' };
const b = { containerID: 'b', ifname: 'eth0' };

test('a lease is host-local’s file', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '/run/netns/a' });
  t.true(store.reserve(a, '10.0.0.2'));
  store.remember(a, 0, '10.0.0.2');
  t.is(readFileSync(`${dataDir}/pods/10.0.0.2`, 'utf8'), 'a\r\neth0');
  t.is(readFileSync(`${dataDir}/pods/last_reserved_ip.0`, 'utf8'), '10.0.0.2');
  t.deepEqual(readdirSync(`${dataDir}/pods`), ['10.0.0.2', 'last_reserved_ip.0']);
});

test('the store is root’s alone', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  store.remember(a, 0, '10.0.0.2');
  const mode = (path: string) => statSync(join(dataDir, path)).mode & 0o777;
  for (const file of await filesUnder(dataDir)) t.is(mode(file), 0o600, file);
  for (const folder of ['', 'pods', '.dualstack', '.dualstack/pods', '.dualstack/pods/boot-1']) {
    t.is(mode(folder), 0o700, folder);
  }
});

test('an address has one holder, and others are told who', async (t) => {
  const store = openDisk(temporaryFolder(t));
  await store.begin(a, { netns: '' });
  await store.begin(b, { netns: '' });
  t.true(store.reserve(a, 'fd00::2'));
  t.false(store.reserve(b, 'fd00::2'));
  t.is(store.holder('fd00::2'), 'eth0 of container a');
  t.is(store.holder('fd00::3'), undefined);
  t.deepEqual([store.held(a), store.held(b)], [['fd00::2'], []]);
});

test('a second ADD of the same attachment is refused, until the first is released', async (t) => {
  const store = openDisk(temporaryFolder(t));
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  store.reserve(a, 'fd00::2');
  const error = await t.throwsAsync(store.begin(a, { netns: '' }), { instanceOf: Failure });
  t.is(error.code, codes.inUse);
  t.is(error.message, 'eth0 of container a already has 10.0.0.2 and fd00::2');
  await release(store, a);
  await t.notThrowsAsync(store.begin(a, { netns: '' }));
});

test('one that another living process adds is refused; what a dead one began is no hindrance', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '' });
  const [entry = ''] = await storeTraces(dataDir);
  const addedBy = (owner: string) =>
    writeFileSync(join(dataDir, entry), `${JSON.stringify({ ...a, netns: '', owner })}\n`);
  addedBy(anotherProcess());
  const error = await t.throwsAsync(store.begin(a, { netns: '' }), { instanceOf: Failure });
  t.is(error.code, codes.tryAgain);
  t.is(error.message, 'add eth0 of container a: another call is working on it');
  addedBy(`${process.ppid}.1`);
  await t.notThrowsAsync(store.begin(a, { netns: '' }));
});

test('an ADD is not confirmed when a DEL has begun, or has ended', async (t) => {
  const store = openDisk(temporaryFolder(t));
  const overtaken = { instanceOf: Failure, message: 'add eth0 of container a: a DEL came in the meantime' };
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  store.confirm(a, ['10.0.0.2']);
  t.throws(() => store.confirm(a, ['10.0.0.2', 'fd00::2']), overtaken);
  store.end(a);
  t.is(t.throws(() => store.confirm(a, ['10.0.0.2']), overtaken)?.code, codes.tryAgain);
  await release(store, a);
  t.throws(() => store.confirm(a, []), overtaken);
});

test('after a DEL an ADD that is under way takes nothing more', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  const overtaken = { instanceOf: Failure, message: /a DEL came in the meantime/ };
  await store.begin(a, { netns: '' });
  await release(store, a);
  t.throws(() => store.reserve(a, '10.0.0.2'), overtaken);
  t.throws(() => store.record(a, '{}'), overtaken);
  t.deepEqual(await storeTraces(dataDir), []);
});

test('a DEL of what nobody began is noted nowhere', (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  openDisk(dataDir).end(a);
  t.false(existsSync(dataDir));
});

test('release gives back what the attachment has, all of it and nothing else, again and again', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  const other = { containerID: 'a', ifname: 'eth1' };
  for (const [attachment, address] of [
    [a, '10.0.0.2'],
    [other, '10.0.0.3'],
    [b, '10.0.0.4'],
  ] as const) {
    await store.begin(attachment, { netns: '' });
    store.reserve(attachment, address);
  }
  for (const _ of [1, 2, 3]) {
    await release(store, a);
    t.deepEqual(await leases(dataDir), ['10.0.0.3', '10.0.0.4']);
  }
  await release(store, other);
  await release(store, b);
  t.deepEqual(await storeTraces(dataDir), []);
});

test('release makes nothing where nothing is', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  await release(openDisk(dataDir), a);
  t.false(existsSync(dataDir));
});

test('an address that went to somebody else meanwhile stays theirs', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  rmSync(`${dataDir}/pods/10.0.0.2`);
  await store.begin(b, { netns: '' });
  store.reserve(b, '10.0.0.2');
  await release(store, a);
  t.true(store.holds(b, '10.0.0.2'));
});

test('without its index the store knows who has what', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  rmSync(`${dataDir}/.dualstack`, { recursive: true });
  t.true(openDisk(dataDir).holds(a, '10.0.0.2'));
  await release(openDisk(dataDir), a);
  t.deepEqual(await storeTraces(dataDir), []);
});

test('an index entry that is torn is looked past', async (t) => {
  for (const content of ['', '{"containerID":"a"', '{"containerID":"a"}\n10.0.0.2\n', 'null\n', '[]\n']) {
    const dataDir = temporaryFolder(t);
    const store = openDisk(dataDir);
    await store.begin(a, { netns: '' });
    store.reserve(a, '10.0.0.2');
    const [entry = ''] = readdirSync(`${dataDir}/.dualstack/pods/boot-1`);
    writeFileSync(`${dataDir}/.dualstack/pods/boot-1/${entry}`, content);
    await release(store, a);
    t.deepEqual(await storeTraces(dataDir), []);
  }
});

test('an index entry that names too much takes nothing from others', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(b, { netns: '' });
  store.reserve(b, '10.0.0.3');
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  store.reserve(a, '10.0.0.3');
  await release(store, a);
  t.deepEqual(await leases(dataDir), ['10.0.0.3']);
});

test('host-local’s leases are adopted: they are not handed out, found by DEL, and end with the boot', async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(`${dataDir}/pods`);
  const files = {
    '10.0.0.2': 'a\r\neth0',
    '10.0.0.3': 'b\r\neth0',
    'last_reserved_ip.0': '10.0.0.3',
    lock: '',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(`${dataDir}/pods/${name}`, content);
  const store = openDisk(dataDir);
  const c = { containerID: 'c', ifname: 'eth0' };
  await store.begin(c, { netns: '' });
  const lease = allocate(preferenceFrom({ podCIDRs: ['10.0.0.0/24'] }), store, c);
  t.is(lease.addresses[0]?.address.value, 0x0a000004n);
  await release(store, a);
  t.deepEqual(await leases(dataDir), ['10.0.0.3', '10.0.0.4', 'lock']);
  await openDisk(dataDir, 'boot-2').begin(a, { netns: '' });
  t.deepEqual(await leases(dataDir), ['lock']);
});

test('a lease of an old host-local, without an interface, is the whole container’s', async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(`${dataDir}/pods`);
  writeFileSync(`${dataDir}/pods/10.0.0.2`, 'a');
  t.true(openDisk(dataDir).holds(a, '10.0.0.2'));
  await release(openDisk(dataDir), a);
  t.deepEqual(await leases(dataDir), []);
});

const junk: [string, string][] = [
  ['empty', ''],
  ['torn', '\r\n'],
  ['foreign', '<html>\r\n'],
  ['binary', '\0\0\0\0'],
];

for (const [what, content] of junk) {
  test(`a file that is ${what} blocks neither ADD nor DEL, and goes when its address is needed`, async (t) => {
    const dataDir = temporaryFolder(t);
    mkdirSync(`${dataDir}/pods`);
    for (const address of ['10.0.0.2', 'fd00::2']) writeFileSync(`${dataDir}/pods/${address}`, content);
    const store = openDisk(dataDir);
    await store.begin(a, { netns: '' });
    const roomy = preferenceFrom({ podCIDRs: ['10.0.0.0/29'] });
    t.is(allocate(roomy, store, a).addresses[0]?.address.value, 0x0a000003n);
    await release(store, a);
    const tight = preferenceFrom({ podCIDRs: ['10.0.0.0/30', 'fd00::/126'], exclude: ['fd00::3'] });
    await store.begin(b, { netns: '' });
    t.throws(() => allocate(tight, store, b), { instanceOf: Failure });
    t.is(await store.removeUnreadable(), 2);
    t.is(allocate(tight, store, b).addresses.length, 2);
    t.true(store.holds(b, '10.0.0.2') && store.holds(b, 'fd00::2'));
  });
}

test('a folder with the name of an address goes, too', async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(`${dataDir}/pods/10.0.0.2/deep`, { recursive: true });
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '' });
  t.is(await store.removeUnreadable(), 1);
  t.is(allocate(preferenceFrom({ podCIDRs: ['10.0.0.0/30'] }), store, a).addresses.length, 1);
});

test('leases end with the boot, also those of a process that was killed on the way', async (t) => {
  const dataDir = temporaryFolder(t);
  const before = openDisk(dataDir, 'boot-1');
  for (const [attachment, address] of [
    [a, '10.0.0.2'],
    [b, '10.0.0.3'],
  ] as const) {
    await before.begin(attachment, { netns: `/run/netns/${attachment.containerID}` });
    before.reserve(attachment, address);
  }
  const after = openDisk(dataDir, 'boot-2');
  await after.begin(a, { netns: '' });
  t.deepEqual([...after.taken()], []);
  t.true(after.reserve(a, '10.0.0.2'));
  t.deepEqual(readdirSync(`${dataDir}/.dualstack/pods`).sort(), ['adopted', 'boot-2', 'claims']);
});

test('a late visit by the boot before last ends nothing of this one', async (t) => {
  const dataDir = temporaryFolder(t);
  for (const [boot, attachment] of [
    ['boot-1', a],
    ['boot-2', b],
  ] as const) {
    const store = openDisk(dataDir, boot);
    await store.begin(attachment, { netns: '' });
    store.reserve(attachment, '10.0.0.2');
  }
  await openDisk(dataDir, 'boot-3').begin(a, { netns: '' });
  t.deepEqual([...openDisk(dataDir, 'boot-3').taken()], []);
});

test('dead are those alone whose namespace is known, and judged to be gone', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir, 'boot-1', (_, netns) => netns === '/run/netns/gone');
  const attachments: [Attachment, string, string][] = [
    [a, '/run/netns/gone', '10.0.0.2'],
    [b, '/run/netns/here', '10.0.0.3'],
    [{ containerID: 'c', ifname: 'eth0' }, '', '10.0.0.4'],
  ];
  for (const [attachment, netns, address] of attachments) {
    await store.begin(attachment, { netns });
    store.reserve(attachment, address);
    t.false(store.isDead(attachment), 'a call is at adding it');
    store.confirm(attachment, [address]);
  }
  t.deepEqual(store.dead(), [a]);
  t.deepEqual(
    attachments.map(([attachment]) => store.isDead(attachment)),
    [true, false, false],
  );
});

test('a namespace’s number that another container has since keeps nobody alive', async (t) => {
  const dataDir = temporaryFolder(t);
  const [old, other] = [
    { containerID: 'old', ifname: 'eth0' },
    { containerID: 'old', ifname: 'net1' },
  ];
  const isHeld = (_: Attachment, __: string, identity: string | undefined) => identity === undefined;
  const begin = async (attachment: Attachment) => {
    const store = openDisk(dataDir, 'boot-1', isHeld);
    await store.begin(attachment, { netns: `/proc/4711/${attachment.containerID}`, identity: '4:1' });
    store.confirm(attachment, []);
    return store;
  };
  for (const attachment of [old, other]) await begin(attachment);
  const store = await begin(a);
  t.deepEqual(
    [old, other, a].map((attachment) => store.isDead(attachment)),
    [true, true, false],
  );
  t.is(store.dead().length, 2);
  await release(store, a);
  t.deepEqual(store.dead(), []);
});

test('the entries of all networks of a folder are found, those of this boot', async (t) => {
  const dataDir = temporaryFolder(t);
  for (const network of ['one', 'two']) {
    const place = { dataDir, network, bootID: 'boot-1' };
    await new DiskStore(place, () => false).begin({ containerID: network, ifname: 'eth0' }, { netns: '' });
  }
  const found = entriesOfAllNetworks([dataDir], 'boot-1').map(({ attachment }) => attachment.containerID);
  t.deepEqual(found.sort(), ['one', 'two']);
  t.deepEqual(entriesOfAllNetworks([dataDir], 'boot-2'), []);
});

test('the entries of all networks come in the order in which they began, those that were added whole first', async (t) => {
  const dataDir = temporaryFolder(t);
  const names = ['waiting', 'first', 'second'];
  for (const containerID of names) {
    const attachment = { containerID, ifname: 'eth0' };
    const store = openDisk(dataDir);
    await store.begin(attachment, { netns: '' });
    if (containerID !== 'waiting') store.confirm(attachment, []);
    // A clock that goes backwards: whoever came later was written earlier.
    const written = 2_000_000_000 - 1000 * names.indexOf(containerID);
    utimesSync(`${dataDir}/.dualstack/pods/boot-1/${digestOf(attachment)}`, written, written);
  }
  const found = entriesOfAllNetworks([dataDir], 'boot-1').map(({ attachment }) => attachment.containerID);
  t.deepEqual(found, ['first', 'second', 'waiting']);
});

test('everybody who has a lease, or began one, is known', async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(`${dataDir}/pods`);
  writeFileSync(`${dataDir}/pods/10.0.0.9`, 'old\r\neth0');
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '/run/netns/a', pod: 'default/web-0' });
  t.deepEqual(
    store.known().sort((x, y) => (x.attachment.containerID < y.attachment.containerID ? -1 : 1)),
    [
      { attachment: a, netns: '/run/netns/a', pod: 'default/web-0', isBeingAdded: true },
      {
        attachment: { containerID: 'old', ifname: 'eth0' },
        netns: undefined,
        pod: undefined,
        isBeingAdded: false,
      },
    ],
  );
});

for (const [what, begun] of [
  ['before it had an entry', false],
  ['after that, or when a later one had', true],
] as const) {
  test(`what a killed ADD was about to write goes with its attachment: ${what}`, async (t) => {
    const dataDir = temporaryFolder(t);
    const store = openDisk(dataDir);
    await store.begin(b, { netns: '' });
    await store.begin(a, { netns: '' });
    const [ofA = '', ofB = ''] = [a, b].map(
      (attachment) => `${dataDir}/.dualstack/pods/boot-1/${digestOf(attachment)}`,
    );
    for (const path of [ofA, ofB]) writeFileSync(`${path}.1.not-when-it-started.1`, '');
    if (!begun) rmSync(ofA);
    store.forget(a);
    t.deepEqual(
      (await filesUnder(`${dataDir}/.dualstack/pods/boot-1`)).map((file) => file.slice(0, 64)),
      [digestOf(b), digestOf(b)],
    );
  });
}

test('tidy removes torn entries, files that never got to their place, and the claims of the dead', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  await release(store, b);
  const state = `${dataDir}/.dualstack/pods`;
  mkdirSync(`${state}/claims`, { recursive: true });
  writeFileSync(`${state}/boot-1/torn`, '{');
  writeFileSync(`${state}/boot-1/left.1.not-when-it-started.1`, 'left\r\neth0');
  writeFileSync(`${state}/boot-1/atwork.${anotherProcess()}.1`, 'at work\r\neth0');
  writeFileSync(`${state}/claims/x.1.not-when-it-started`, '');
  writeFileSync(`${dataDir}/pods/10.0.0.3`, '');
  await store.tidy();
  const traces = await storeTraces(dataDir);
  t.is(traces.length, 3);
  t.true(traces.includes('pods/10.0.0.2'));
  t.true(
    traces.some((trace) => trace.includes('/atwork.')),
    'of a call at work',
  );
});

/** Runs `action`, in which the first opening of a file finds it away: it is there before that and after it. */
function withoutAtFirst(path: string, action: () => void): void {
  const open = fs.openSync;
  const replace = (openSync: typeof open) => {
    fs.openSync = openSync;
    syncBuiltinESMExports();
  };
  replace((...args) => {
    if (args[0] !== path) return open(...args);
    replace(open);
    renameSync(path, `${path}-away`);
    try {
      return open(...args);
    } finally {
      renameSync(`${path}-away`, path);
    }
  });
  try {
    action();
  } finally {
    replace(open);
  }
}

test('tidy leaves an entry that a DEL removes and an ADD writes while it looks', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir);
  await store.begin(a, { netns: '/run/netns/a' });
  const [entry = ''] = readdirSync(`${dataDir}/.dualstack/pods/boot-1`);
  withoutAtFirst(`${dataDir}/.dualstack/pods/boot-1/${entry}`, () => store.tidy());
  t.deepEqual(store.known(), [{ attachment: a, netns: '/run/netns/a', pod: undefined, isBeingAdded: true }]);
});

for (const [what, name] of [
  ['a torn entry', 'torn'],
  ['the file of a call that was killed', 'torn.1.not-when-it-started.1'],
] as const) {
  test(`tidy leaves ${what} whose attachment another call has`, async (t) => {
    const dataDir = temporaryFolder(t);
    const store = openDisk(dataDir);
    await store.begin(a, { netns: '' });
    const state = `${dataDir}/.dualstack/pods`;
    writeFileSync(`${state}/boot-1/${name}`, '{');
    writeFileSync(`${state}/claims/torn.${anotherProcess()}.1`, '');
    await store.tidy();
    t.true(existsSync(`${state}/boot-1/${name}`));
    rmSync(`${state}/claims/torn.${anotherProcess()}.1`);
    await store.tidy();
    t.false(existsSync(`${state}/boot-1/${name}`));
  });
}

test('an attachment is one call’s at a time, and a call knows whose it is', async (t) => {
  const dataDir = temporaryFolder(t);
  const [one, other] = [openDisk(dataDir), openDisk(dataDir)];
  await one.begin(a, { netns: '' });
  t.deepEqual([one.ownerOf(a), other.ownerOf(a), one.ownerOf(b)], ['own', 'other', 'none']);
  const order: string[] = [];
  let proceed = () => {};
  const first = one.alone('remove', a, async () => {
    await new Promise<void>((resolve) => {
      proceed = resolve;
    });
    order.push('first');
  });
  t.is(await other.alone('remove', a, async () => 'ran', false), undefined);
  const second = other.alone('remove', a, async () => order.push('second'));
  proceed();
  await Promise.all([first, second]);
  t.deepEqual(order, ['first', 'second']);
});

test('what is taken and not used after all is given back, and nobody else’s', async (t) => {
  const store = openDisk(temporaryFolder(t));
  for (const attachment of [a, b]) await store.begin(attachment, { netns: '' });
  store.reserve(a, '10.0.0.2');
  store.reserve(b, '10.0.0.3');
  store.giveBack(a, '10.0.0.2');
  store.giveBack(a, '10.0.0.3');
  t.deepEqual([...store.taken()], ['10.0.0.3']);
  t.deepEqual(store.held(a), []);
});

/** What somebody removes under a running pod, and what its DEL must leave all the same: nothing. */
for (const removed of [
  'pods',
  '.dualstack',
  '.dualstack/pods/boot-1',
  '.dualstack/pods/claims',
  'pods/10.0.0.2',
]) {
  test(`a DEL leaves nothing of the attachment when somebody removed ${removed}`, async (t) => {
    const dataDir = temporaryFolder(t);
    const store = openDisk(dataDir);
    await store.begin(a, { netns: '/run/netns/a' });
    store.reserve(a, '10.0.0.2');
    store.reserve(a, 'fd00::2');
    rmSync(`${dataDir}/${removed}`, { recursive: true });
    const later = openDisk(dataDir);
    await later.alone('remove', a, async () => later.forget(a));
    t.deepEqual(await storeTraces(dataDir), []);
  });
}

test('the end of a boot ends the leases of their holders alone', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openDisk(dataDir, 'boot-1');
  await store.begin(a, { netns: '' });
  store.reserve(a, '10.0.0.2');
  store.reserve(a, '10.0.0.3');
  // host-local, which knows no boots, gave the address to somebody else since.
  writeFileSync(`${dataDir}/pods/10.0.0.2`, 'x\r\neth0');
  await openDisk(dataDir, 'boot-2').begin(b, { netns: '' });
  t.deepEqual([...openDisk(dataDir, 'boot-2').taken()], ['10.0.0.2']);
});

test('a store that cannot be written is code 5, and names the folder and the way out', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(`${folder}/data`, 'a file');
  const error = await t.throwsAsync(openDisk(`${folder}/data`).begin(a, { netns: '' }), {
    instanceOf: Failure,
  });
  t.is(error.code, codes.io);
  t.regex(error.message, /^write the lease store \S+\/data\/pods: E\w+/);
  t.regex(error.details, /writable by root/);
  t.throws(() => openDisk(`${folder}/data`).probe(), { instanceOf: Failure });
});

test('probe leaves nothing', async (t) => {
  const dataDir = temporaryFolder(t);
  openDisk(dataDir).probe();
  t.deepEqual(await filesUnder(dataDir), []);
});

test('several processes at once over one store: every address once, none left over', async (t) => {
  const dataDir = temporaryFolder(t);
  const script = join(import.meta.dirname, '../../lab/reserve.ts');
  const workers = ['p', 'q', 'r', 's'].map((name) => execa(process.execPath, [script, dataDir, name]));
  const given = (await Promise.all(workers)).flatMap(({ stdout }) => stdout.split('\n').filter(Boolean));
  const all = given.flatMap((line) => line.split(' '));
  t.is(given.length, 125);
  t.is(new Set(all).size, 250);
  t.deepEqual([...openDisk(dataDir).taken()].sort(), all.sort());
  t.deepEqual((await leases(dataDir)).sort(), all.sort());
});
