import test from 'ava';
import { Failure } from '../../../conf/failure.ts';
import { IPv4, parseAddress } from '../../../conf/family.ts';
import { forgetConnections } from '../../../netns/firewall/conntrack.ts';
import { egressChain } from '../../../netns/firewall/egress.ts';
import { elementsOf, withoutDuplicates } from '../../../netns/firewall/elements.ts';
import { parseComplaints } from '../../../netns/firewall/errors.ts';
import type { Footprint } from '../../../netns/firewall/footprint.ts';
import { install } from '../../../netns/firewall/install.ts';
import { apply, attempt, isMissing, RefusedTransaction } from '../../../netns/firewall/nft.ts';
import { PortInUse } from '../../../netns/firewall/port-in-use.ts';
import { removeElements } from '../../../netns/firewall/remove.ts';
import { restore } from '../../../netns/firewall/restore.ts';
import { base, planChain } from '../../../netns/firewall/table.ts';
import {
  addElement,
  addTable,
  declare,
  deleteElement,
  deleteTable,
  formatTransaction,
  replaceElement,
  requireChain,
  type Transaction,
} from '../../../netns/firewall/transaction.ts';
import { type Exchange, expectedRuns, type Reply, refusal } from '../../lab/expected-runs.ts';
import { addressesOf } from '../../lab/rule-sets.ts';

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

const target = parseAddress('10.244.1.7') ?? { family: IPv4, value: 0n };
const port = { protocol: 'tcp', on: undefined, port: 8080, targetPort: 80 } as const;
const footprint: Footprint = {
  hostEnd: 'vethds123456789',
  mac: '02:00:00:00:00:01',
  addresses: [target],
  egress: { families: ['IPv4'], exempt: [] },
  guarded: true,
  ports: [{ ...port, target }],
};
const own = elementsOf(footprint);
const chain = egressChain(footprint.egress);

function applied(transaction: Transaction): Exchange[0] {
  return { program: 'nft', args: ['-f', '-'], input: formatTransaction(transaction), beside: true };
}

const listing: Exchange[0] = {
  program: 'nft',
  args: ['-j', '-n', 'list', 'table', 'inet', 'dualstack'],
  beside: true,
};

function listed(...objects: readonly object[]): Reply {
  return { stdout: JSON.stringify({ nftables: objects }) };
}

const noTable = refusal('Error: No such file or directory\nlist table inet dualstack\n');
const plan = { chain: { name: planChain } };
const first = [requireChain(planChain), ...own.map(addElement)];

test('one process, which lists nothing, when all is well', async (t) => {
  await t.notThrowsAsync(
    install(expectedRuns(t, [[applied(first)]]), 'put', footprint, [], () => t.fail() as never),
  );
});

test('a second one makes the chain that packets leave by, when nobody has used it before', async (t) => {
  const position = 1 + own.findIndex(({ set }) => set === 'egress_ipv4');
  const second = [requireChain(planChain), ...declare([chain]), ...own.map(addElement)];
  const run = expectedRuns(t, [
    [applied(first), refusal(absent.replace('stdin:1', `stdin:${position + 1}`))],
    [applied(second)],
  ]);
  await t.notThrowsAsync(install(run, 'put', footprint, [], () => t.fail() as never));
});

const neighbour: Footprint = {
  ...footprint,
  hostEnd: 'vethdsabcdefabc',
  addresses: [],
  guarded: false,
  ports: [{ ...port, port: 9090, target }],
};

/** All blocks, and the elements of these. */
function complete(...footprints: readonly Footprint[]): Transaction {
  const elements = withoutDuplicates(footprints.flatMap(elementsOf));
  return [addTable, ...declare([...base, chain]), ...elements.map(addElement)];
}

test('a lost table comes back with everybody’s elements, in one transaction, and those noted meanwhile', async (t) => {
  const all = complete(neighbour, footprint);
  const later = complete(neighbour, { ...neighbour, hostEnd: 'vethds000000000', ports: [] }, footprint);
  const noted = [
    [neighbour],
    [neighbour],
    [neighbour, { ...neighbour, hostEnd: 'vethds000000000', ports: [] }],
  ];
  const run = expectedRuns(t, [
    [applied(first), refusal(absent)],
    [listing, noTable],
    [applied([...deleteTable, ...all])],
    [listing, listed(plan)],
    [applied(later)],
  ]);
  await t.notThrowsAsync(install(run, 'put', footprint, [], () => noted.splice(1, 1)[0] ?? []));
});

test('a table that follows the plan is completed, and what leads elsewhere is set right', async (t) => {
  const [hairpin, published] = elementsOf(neighbour);
  if (!hairpin || !published) return t.fail();
  const wrong = {
    map: { name: 'ports_ipv4', elem: [[{ concat: [6, 9090] }, { concat: ['10.244.1.99', 80] }]] },
  };
  const run = expectedRuns(t, [
    [listing, listed(plan, wrong)],
    [
      applied([
        addTable,
        ...declare([...base, chain]),
        addElement(hairpin),
        replaceElement(published),
        ...elementsOf(neighbour).slice(2).map(addElement),
      ]),
    ],
  ]);
  await t.notThrowsAsync(restore(run, 'repair', [], () => [neighbour]));
});

test('a table of another plan, or one that refuses, is made again in one transaction', async (t) => {
  const fresh = applied([...deleteTable, ...complete(neighbour)]);
  const other = { chain: { name: 'plan_000000000000' } };
  const refused = refusal('/dev/stdin:3:1-9: Error: Could not process rule: File exists');
  for (const before of [
    [[listing, listed(other)]],
    [[listing, listed({ chain: { name: 'guard' } })]],
    [
      [listing, listed(plan)],
      [applied(complete(neighbour)), refused],
    ],
  ] as Exchange[][]) {
    const run = expectedRuns(t, [
      ...before,
      [fresh],
      [listing, listed(plan)],
      [applied(complete(neighbour))],
    ]);
    await t.notThrowsAsync(restore(run, 'repair', [], () => [neighbour]));
  }
});

test('a host port of somebody else is refused, in a table that is well and in one that is lost', async (t) => {
  const held = {
    map: { name: 'ports_ipv4', elem: [[{ concat: ['tcp', 8080] }, { concat: ['10.244.1.9', 80] }]] },
  };
  const well = expectedRuns(t, [
    [applied(first), refusal(exists(3))],
    [listing, listed(plan, held)],
  ]);
  const error = await t.throwsAsync(
    install(well, 'put eth0', footprint, [], () => []),
    { instanceOf: PortInUse },
  );
  t.is(error?.message, 'put eth0: host port *:8080/tcp is in use by 10.244.1.9');
  const [address = target] = addressesOf('10.244.1.8');
  const holder = { ...neighbour, ports: [{ ...port, target: address }] };
  const lost = expectedRuns(t, [
    [applied(first), refusal(absent)],
    [listing, noTable],
  ]);
  const late = await t.throwsAsync(
    install(lost, 'put', footprint, [], () => [holder]),
    { instanceOf: PortInUse },
  );
  t.is(late?.target, '10.244.1.8');
});

test('removal leaves out what is somebody else’s and what is in no set, and takes the rest', async (t) => {
  const without = (...sets: string[]) => own.filter(({ set }) => !sets.includes(set)).map(deleteElement);
  const plan = requireChain(planChain);
  const right = expectedRuns(t, [
    [applied([plan, ...without()]), refusal(exists(3))],
    [applied([plan, ...without('ports_ipv4')])],
  ]);
  t.true(await removeElements(right, 'remove', [...own, ...own]));
  const behind = expectedRuns(t, [[applied([plan, ...without()]), refusal(absent)], [applied(without())]]);
  t.false(await removeElements(behind, 'remove', own));
  const lacking = expectedRuns(t, [
    [applied([plan, ...without()]), refusal(absent.replace(':1:', ':2:') + exists(3))],
    [applied(without('hairpins', 'ports_ipv4'))],
  ]);
  t.false(await removeElements(lacking, 'remove', own));
  const missing = expectedRuns(t, [[applied([plan, ...without()]), { outcome: { kind: 'missing' } }]]);
  await t.throwsAsync(removeElements(missing, 'remove', own), { message: /nft: no such command/ });
  const busy: Reply = { outcome: { kind: 'late', milliseconds: 10_000 } };
  const late = expectedRuns(t, [[applied([plan, ...without()]), busy]]);
  const error = await t.throwsAsync(removeElements(late, 'remove', own));
  t.is((error as Failure).code, 11);
});

test('nft that refuses, is missing or fails without a word', async (t) => {
  const operation = requireChain(planChain);
  const say = (answer: Reply) => expectedRuns(t, [[applied([operation]), answer]]);
  const refused = await attempt(say(refusal(absent)), 'do', [operation]);
  t.deepEqual(
    refused?.refusals.map((each) => [each.kind, each.operation]),
    [['absent', operation]],
  );
  await t.throwsAsync(apply(say(refusal(absent)), 'do', [operation]), { instanceOf: RefusedTransaction });
  t.is(refused?.code, 102);
  t.regex(refused?.message ?? '', /^do: nft: No such file or directory/);
  const missing = await t.throwsAsync(apply(say({ outcome: { kind: 'missing' } }), 'do', [operation]));
  t.true(isMissing(missing));
  const mute = await t.throwsAsync(apply(say(refusal('netlink: Error')), 'do', [operation]));
  t.false(mute instanceof RefusedTransaction || isMissing(mute));
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
