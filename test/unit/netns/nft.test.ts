import test from 'ava';
import { Failure } from '../../../conf/failure.ts';
import { parseAddress } from '../../../conf/family.ts';
import { forgetConnections } from '../../../netns/firewall/conntrack.ts';
import { addLine, deleteLine, elementsOf } from '../../../netns/firewall/elements.ts';
import { parseComplaints } from '../../../netns/firewall/errors.ts';
import type { Footprint } from '../../../netns/firewall/footprint.ts';
import { install, PortInUse } from '../../../netns/firewall/install.ts';
import { isAbsent, isMissing, nft } from '../../../netns/firewall/nft.ts';
import { uninstall } from '../../../netns/firewall/remove.ts';
import { base, listingLine, planRewrite, planTable } from '../../../netns/firewall/table.ts';
import { type Exchange, expectedRuns, type Reply, refusal } from '../../lab/expected-runs.ts';

const absent = `/dev/stdin:1:18-26: Error: No such file or directory; did you mean table ‘other’ in family ip?
add element inet dualstack guarded { "vethds123" }
                 ^^^^^^^^^
`;

function exists(...lines: number[]): string {
  return lines
    .map(
      (line) => `/dev/stdin:${line}:41-48: Error: Could not process rule: File exists\nadd element …\n^^^\n`,
    )
    .join('');
}

test('what nft says of each line', (t) => {
  t.deepEqual(parseComplaints(absent + exists(3)), [
    { line: 1, kind: 'absent', text: 'No such file or directory; did you mean table ‘other’ in family ip?' },
    { line: 3, kind: 'exists', text: 'Could not process rule: File exists' },
  ]);
  const busy = '-:2:1-9: Error: Could not process rule: Device or resource busy';
  t.deepEqual(
    parseComplaints(busy).map(({ kind }) => kind),
    ['exists'],
  );
  const refused = '/dev/stdin:1:1-9: Error: Could not process rule: Operation not permitted';
  t.deepEqual(
    parseComplaints(refused).map(({ kind }) => kind),
    ['other'],
  );
  t.deepEqual(parseComplaints('netlink: Error: cache initialization failed: Operation not permitted'), []);
});

const target = parseAddress('10.244.1.7');
const port = { protocol: 'tcp', on: undefined, port: 8080, targetPort: 80 } as const;
const footprint: Footprint = {
  hostEnd: 'vethds123456789',
  mac: '02:00:00:00:00:01',
  addresses: target ? [target] : [],
  ranges: [],
  guarded: true,
  ports: target ? [{ ...port, target }] : [],
};
const network = { blocks: [], unwanted: ['masquerade_pods_12345678'] };
const rewrite = planRewrite(base, network.unwanted);
const own = elementsOf(footprint).map(addLine).join('');
const table = planTable(base);

function nftRun(input: string, ...options: string[]): Exchange[0] {
  return { program: 'nft', args: [...options, '-f', '-'], input, beside: true };
}

/** What `install` of the footprint starts. */
const first = nftRun(own + listingLine, '--terse');
const wanted = { network, footprint, isDamaged: false, others: () => [] };

test('one process when all is well', async (t) => {
  await t.notThrowsAsync(install(expectedRuns(t, [[first, { stdout: table }]]), 'protect', wanted));
});

test('a second one writes the rules when they differ, or hold a chain too many', async (t) => {
  const tooMany = table.replace(/\}\n$/, '\n\tchain masquerade_pods_12345678 {\n\t\taccept\n\t}\n}\n');
  for (const stdout of [table.replace('\t\tdrop\n', ''), tooMany]) {
    const run = expectedRuns(t, [[first, { stdout }], [nftRun(rewrite)]]);
    await t.notThrowsAsync(install(run, 'protect', wanted));
  }
});

const neighbour: Footprint = {
  ...footprint,
  hostEnd: 'vethdsabcdefabc',
  addresses: [],
  guarded: false,
  ports: [{ ...port, port: 9090, target: target as NonNullable<typeof target> }],
};
const theirs = elementsOf(neighbour).map(addLine).join('');

test('a lost table comes back with everybody’s elements', async (t) => {
  const exchanges: Exchange[] = [[first, refusal(absent)], [nftRun(rewrite + theirs + own)]];
  await t.notThrowsAsync(
    install(expectedRuns(t, exchanges), 'protect', { ...wanted, others: () => [neighbour, neighbour] }),
  );
});

test('elements that are known to be missing are added with all others’, and set right where they lead elsewhere', async (t) => {
  const before = rewrite.split('\n').length - 1;
  const right = theirs.replace(
    /add element (inet dualstack ports_ipv4) \{ (tcp . 9090) /,
    'delete element $1 { $2 }; $&',
  );
  const exchanges: Exchange[] = [
    [nftRun(rewrite + theirs + own), refusal(exists(before + 2))],
    [nftRun(rewrite + right + own)],
  ];
  const damaged = { ...wanted, isDamaged: true, others: () => [neighbour] };
  await t.notThrowsAsync(install(expectedRuns(t, exchanges), 'protect', damaged));
});

test('a host port of somebody else is refused, in a table that is well and in one that is lost', async (t) => {
  const question = nftRun('get element inet dualstack ports_ipv4 { tcp . 8080 }\n');
  const stdout = '\tmap ports_ipv4 {\n\t\telements = { tcp . 8080 : 10.244.1.9 . 80 }\n\t}\n';
  const well = expectedRuns(t, [
    [first, refusal(exists(2))],
    [question, { stdout }],
  ]);
  const error = await t.throwsAsync(install(well, 'protect eth0', wanted), { instanceOf: PortInUse });
  t.is(error?.message, 'protect eth0: host port *:8080/tcp is in use by 10.244.1.9');
  const holder = {
    ...neighbour,
    ports: [{ ...port, target: parseAddress('10.244.1.8') ?? target }],
  } as Footprint;
  const line = (rewrite + elementsOf(holder).map(addLine).join('')).split('\n').length - 1 + 2;
  const input = rewrite + elementsOf(holder).map(addLine).join('') + own;
  const lost = expectedRuns(t, [
    [first, refusal(absent)],
    [nftRun(input), refusal(exists(line))],
  ]);
  const late = await t.throwsAsync(install(lost, 'protect', { ...wanted, others: () => [holder] }), {
    instanceOf: PortInUse,
  });
  t.is(late?.target, '10.244.1.8');
});

test('a table of another kind is made anew, with the chains of other networks', async (t) => {
  const other = '\tchain masquerade_others_87654321 {\n\t\taccept\n\t}\n';
  const strange =
    '/dev/stdin:1:1-9: Error: datatype mismatch, expected IPv4 address, expression has type string';
  const exchanges: Exchange[] = [
    [first, refusal(strange)],
    [nftRun(listingLine, '--terse'), { stdout: `table inet dualstack {\n${other}}\n` }],
    [
      nftRun(
        `add table inet dualstack\ndelete table inet dualstack\ntable inet dualstack {\n${other}}\n${rewrite}${own}`,
      ),
    ],
  ];
  await t.notThrowsAsync(install(expectedRuns(t, exchanges), 'protect', wanted));
});

test('removal leaves out what is somebody else’s and what is in no set, and takes the rest', async (t) => {
  const elements = elementsOf(footprint);
  const lines = (names: readonly string[]) =>
    elements
      .filter(({ set }) => !names.includes(set))
      .map(deleteLine)
      .join('');
  const run = expectedRuns(t, [
    [nftRun(lines([])), refusal(absent + exists(2))],
    [nftRun(lines(['hairpins', 'ports_ipv4']))],
  ]);
  await t.notThrowsAsync(uninstall(run, 'unprotect', [footprint, footprint], []));
  const kept = { ...footprint, hostEnd: 'vethdsabcdefabc' };
  const shared = expectedRuns(t, [[nftRun(lines(['ports_ipv4']))]]);
  await t.notThrowsAsync(uninstall(shared, 'unprotect', [footprint], [kept]));
  const missing = expectedRuns(t, [[nftRun(lines([])), { outcome: { kind: 'missing' } }]]);
  await t.throwsAsync(uninstall(missing, 'unprotect', [footprint], []), { message: /nft: no such command/ });
  const late = expectedRuns(t, [[nftRun(lines([])), { outcome: { kind: 'late', milliseconds: 10_000 } }]]);
  const error = await t.throwsAsync(uninstall(late, 'unprotect', [footprint], []));
  t.is((error as Failure).code, 11);
});

test('nft that refuses, is missing or fails without a word', async (t) => {
  const say = (...replies: Reply[]) =>
    expectedRuns(
      t,
      replies.map((answer): Exchange => [nftRun('x\n'), answer]),
    );
  const refused = await t.throwsAsync(nft(say(refusal(absent)), 'do', 'x\n'), { instanceOf: Failure });
  t.true(isAbsent(refused));
  t.is(refused?.code, 102);
  t.regex(refused?.message ?? '', /^do: nft: No such file or directory/);
  const missing = await t.throwsAsync(nft(say({ outcome: { kind: 'missing' } }), 'do', 'x\n'));
  t.true(isMissing(missing));
  const mute = await t.throwsAsync(nft(say(refusal('netlink: Error')), 'do', 'x\n'));
  t.false(isAbsent(mute) || isMissing(mute));
});

const deletions = ['--orig-src', '--reply-src'].map((side) => `--delete --family ipv4 ${side} 10.244.1.7`);
const dump: Exchange[0] = { program: 'conntrack', args: ['--dump', '--output', 'save'], beside: true };
const load: Exchange[0] = {
  program: 'conntrack',
  args: ['--load-file', '-'],
  input: `${deletions.join('\n')}\n`,
  beside: true,
};

const connections = {
  'others’': '-A -t 9 -s 10.244.1.70 -d 192.0.2.1 -r 192.0.2.1 -q 10.244.1.70 -p udp --sport 1 --dport 53\n',
  'from the pod':
    '-A -t 9 -s 10.244.1.7 -d 192.0.2.1 -r 192.0.2.1 -n 192.0.2.10 -p udp --sport 1 --dport 53\n',
  'to the pod': '-A -t 9 -s 192.0.2.1 -d 192.0.2.10 -g 10.244.1.7 -q 192.0.2.1 -p udp --sport 1 --dport 80\n',
};

const listings: [string, string, Exchange[]][] = [
  ['none', '', []],
  ['others’', connections['others’'], []],
  ['from the pod', connections['others’'] + connections['from the pod'], [[load]]],
  ['to the pod', connections['to the pod'] + connections['others’'], [[load]]],
];

for (const [which, stdout, removal] of listings) {
  test(`connections are forgotten in one process, when there are any: ${which}`, async (t) => {
    const run = expectedRuns(t, [[dump, { stdout }], ...removal]);
    await t.notThrowsAsync(forgetConnections(run, 'forget', footprint.addresses));
  });
}

test('a conntrack of before 1.4.7 forgets them in a process for each side', async (t) => {
  const old = expectedRuns(t, [
    [dump, refusal("conntrack v1.4.6 (conntrack-tools): Bad parameter `save'")],
    ...deletions.map(
      (deletion): Exchange => [
        { program: 'conntrack', args: deletion.split(' '), beside: true },
        refusal('0 flow entries have been deleted.'),
      ],
    ),
  ]);
  await t.notThrowsAsync(forgetConnections(old, 'forget', footprint.addresses));
});

test('without addresses conntrack is not asked, and what it refuses is an error', async (t) => {
  await t.notThrowsAsync(forgetConnections(expectedRuns(t, []), 'forget', []));
  const broken = expectedRuns(t, [[dump, refusal('Operation failed')]]);
  await t.throwsAsync(forgetConnections(broken, 'forget', footprint.addresses), { instanceOf: Failure });
});
