import test from 'ava';
import { codes, Failure } from '../../../conf/failure.ts';
import {
  commandFailure,
  ipBatch,
  ipQuery,
  parseAnswer,
  placed,
  RefusedLine,
} from '../../../netns/process/ip.ts';
import { expectedRuns, ipLines, type Reply, refusal } from '../../lab/expected-runs.ts';

const lines = ['link set dev a up', 'address add 10.0.0.1/32 dev a', 'route add 10.0.0.2/32 dev a'];

test('a batch is one call with one line each', async (t) => {
  await t.notThrowsAsync(ipBatch(expectedRuns(t, [[ipLines(lines)]]), 'host', 'wire a', lines));
});

test('in a namespace it is the same program behind an inherited descriptor', async (t) => {
  const inside = { ...ipLines(lines), program: 'nsenter', descriptor: 9 };
  const args = ['--net=/proc/self/fd/3', '--', 'ip', '-batch', '-'];
  await t.notThrowsAsync(ipBatch(expectedRuns(t, [[{ ...inside, args }]]), 9, 'wire a', lines));
  t.deepEqual(placed(ipLines(lines), 'host'), ipLines(lines));
});

const refused: [string, Reply, { message: string; details: RegExp; code: number }][] = [
  [
    'a line that was refused',
    refusal('Error: ipv4: Address already assigned.\nCommand failed -:2\n'),
    {
      code: codes.wiring,
      message: 'wire a: ip address add 10.0.0.1/32 dev a: Error: ipv4: Address already assigned.',
      details: /remove it if it is left over/,
    },
  ],
  [
    'a device that went away',
    refusal('Cannot find device "a"\nCommand failed -:1\n'),
    {
      code: codes.wiring,
      message: 'wire a: ip link set dev a up: Cannot find device "a"',
      details: /the container was probably stopped/,
    },
  ],
  [
    'no capability',
    refusal('RTNETLINK answers: Operation not permitted\nCommand failed -:1\n'),
    {
      code: codes.wiring,
      message: 'wire a: ip link set dev a up: RTNETLINK answers: Operation not permitted',
      details: /CAP_NET_ADMIN and CAP_SYS_ADMIN/,
    },
  ],
  [
    'a failure without a line',
    refusal('Error: argument "x" is wrong\n'),
    { code: codes.wiring, message: 'wire a: ip: exit status 1', details: /^Error: argument "x" is wrong$/ },
  ],
  [
    'no such command',
    { outcome: { kind: 'missing' } },
    {
      code: codes.wiring,
      message: 'wire a: ip: no such command',
      details: /^install iproute2, or put ip on the PATH/,
    },
  ],
  [
    'no answer',
    { outcome: { kind: 'late', milliseconds: 10_000 } },
    { code: codes.tryAgain, message: 'wire a: ip: no answer within 10 s', details: /try again later/ },
  ],
  [
    'a signal',
    { outcome: { kind: 'killed', signal: 'SIGKILL' } },
    { code: codes.wiring, message: 'wire a: ip: killed by SIGKILL', details: /^$/ },
  ],
];

for (const [what, answer, expected] of refused) {
  test(`${what}: ${expected.message}`, async (t) => {
    const run = expectedRuns(t, [[ipLines(lines), answer]]);
    const error = await t.throwsAsync(ipBatch(run, 'host', 'wire a', lines), { instanceOf: Failure });
    t.is(error.code, expected.code);
    t.is(error.message, expected.message);
    t.regex(error.details, expected.details);
  });
}

test('a refused line tells which it was, and why', async (t) => {
  const run = expectedRuns(t, [
    [ipLines(lines), refusal('RTNETLINK answers: File exists\nCommand failed -:3\n')],
  ]);
  const error = await t.throwsAsync(ipBatch(run, 'host', 'wire a', lines), { instanceOf: RefusedLine });
  t.is(error.line, 'route add 10.0.0.2/32 dev a');
  t.is(error.answer.kind, 'exists');
});

const questions = ['link show dev a', 'link show dev b'];
const query = ipLines(questions, '-details', '-json', '-force');

test('the answers to all questions come in a row', async (t) => {
  const run = expectedRuns(t, [[query, { stdout: '[{"ifname":"a"}]\n[{},{"ifname":"b"}]\n' }]]);
  t.deepEqual(await ipQuery(run, 'host', 'inspect', questions), [{ ifname: 'a' }, {}, { ifname: 'b' }]);
});

test('what does not exist has no answer', async (t) => {
  const answer = refusal('Device "a" does not exist.\nCommand failed -:1\n', '[{"ifname":"b"}]\n');
  t.deepEqual(await ipQuery(expectedRuns(t, [[query, answer]]), 'host', 'inspect', questions), [
    { ifname: 'b' },
  ]);
});

test('any other complaint is a failure', async (t) => {
  const run = expectedRuns(t, [
    [query, refusal('RTNETLINK answers: Operation not permitted\nCommand failed -:1\n')],
  ]);
  await t.throwsAsync(ipQuery(run, 'host', 'inspect', questions), { message: 'inspect: ip: exit status 1' });
});

test('what is no failure of a command passes through', (t) => {
  const bug = new TypeError('a bug');
  t.is(
    t.throws(() => commandFailure('wire a', bug)),
    bug,
  );
});

/** What iproute2 prints, and what it means. */
const printed: readonly [string, unknown[]][] = [
  ['', []],
  ['[]\n', []],
  ['[{\n\t"a":1\n}]', [{ a: 1 }]],
  ['[{"ifalias":"\u001b[31m\u0001\u009b"}]', [{ ifalias: '\u001b[31m\u0001\u009b' }]],
  ['[{"ifalias":"a\\"b\\\\\u0007\\t"}]', [{ ifalias: 'a"b\\\u0007\t' }]],
  ['[{"ifalias":"it\\\'s \\\\\'"}]', [{ ifalias: "it's \\'" }]],
];

for (const [text, meaning] of printed) {
  test(`what iproute2 prints is understood, whatever names hold: ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(parseAnswer(text), meaning);
  });
}
