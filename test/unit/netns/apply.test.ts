import test from 'ava';
import { Failure } from '../../../conf/failure.ts';
import { ownPairs, removePair, removePairsBut } from '../../../netns/link/apply.ts';
import { candidateNames } from '../../../netns/link/naming.ts';
import { type Exchange, expectedRuns, ipLines, type Reply, refusal } from '../../lab/expected-runs.ts';

const attachment = { containerID: 'container-1', ifname: 'eth0' };
const candidates = candidateNames(attachment);
const [first, second] = candidates;
const names = candidates.map(({ hostEnd }) => hostEnd);

function asked(...links: { ifname: string | undefined; address: string | undefined }[]): Exchange {
  const questions = names.map((name) => `link show dev ${name}`);
  const absent = refusal('Device "x" does not exist.\nCommand failed -:1\n');
  const stdout = links.map((link) => `${JSON.stringify([link])}\n`).join('');
  return [ipLines(questions, '-details', '-json', '-force'), { ...absent, stdout }];
}

const own = { ifname: first?.hostEnd, address: first?.hostMac };
const foreign = { ifname: first?.hostEnd, address: '02:00:00:00:00:99' };
const ownSecond = { ifname: second?.hostEnd, address: second?.hostMac };

function deleted(name: string | undefined, answer: Reply = {}): Exchange {
  return [{ ...ipLines([`link delete dev ${name}`]), beside: true }, answer];
}

test('a link is the attachment’s when its name and its MAC address are', async (t) => {
  t.deepEqual(await ownPairs(expectedRuns(t, [asked(own)]), attachment, 'look'), [first]);
  t.deepEqual(await ownPairs(expectedRuns(t, [asked(foreign, ownSecond)]), attachment, 'look'), [second]);
  t.deepEqual(await ownPairs(expectedRuns(t, [asked()]), attachment, 'look'), []);
});

const gone = refusal(`Cannot find device "${first?.hostEnd}"\nCommand failed -:1\n`);
const refused = refusal('RTNETLINK answers: Operation not permitted\nCommand failed -:1\n');

const removals: [string, Exchange[]][] = [
  ['the attachment’s link is removed', [asked(own), deleted(first?.hostEnd)]],
  ['another’s link of the same name stays', [asked(foreign)]],
  ['no link is no error', [asked()]],
  ['a link that goes meanwhile is no error', [asked(own), deleted(first?.hostEnd, gone)]],
];

for (const [what, exchanges] of removals) {
  test(what, async (t) => {
    await t.notThrowsAsync(removePair(expectedRuns(t, exchanges), attachment));
  });
}

test('a refusal is an error that names the attachment', async (t) => {
  const run = expectedRuns(t, [asked(own), deleted(first?.hostEnd, refused)]);
  const error = await t.throwsAsync(removePair(run, attachment), { instanceOf: Failure });
  t.is(error.code, 102);
  t.regex(error.message, /^remove the link of eth0 of container container-1: ip link delete dev vethds/);
});

test('links that belong to nobody have our names and a gateway of ours', async (t) => {
  const link = (ifname: string, ...local: string[]) => ({
    ifname,
    address: '02:00:00:00:00:01',
    addr_info: local.map((one) => ({ local: one })),
  });
  const links = [
    link('vethdsfffffffff', '10.0.0.1', 'fd00::1'),
    link('vethdseeeeeeeee', '192.0.2.1'),
    link('vethother', '10.0.0.1'),
    link(first?.hostEnd ?? '', '10.0.0.1'),
    link('vethdsddddddddd', 'fd00::1'),
    link('vethdsccccccccc'),
  ];
  const run = expectedRuns(t, [
    [ipLines(['address show type veth'], '-details', '-json', '-force'), { stdout: JSON.stringify(links) }],
    deleted('vethdsfffffffff'),
    deleted('vethdsddddddddd', gone),
  ]);
  await t.notThrowsAsync(removePairsBut(run, [attachment], ['10.0.0.1', 'fd00::1']));
});
