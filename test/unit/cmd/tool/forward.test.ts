import test from 'ava';
import { droppingChains, parseRuleset } from '../../../../cmd/tool/doctor/checks/forward.ts';
import { parseLegacy } from '../../../../cmd/tool/doctor/checks/legacy.ts';
import { type Cidr, IPv4, parseCidr } from '../../../../conf/family.ts';

function cidrs(...texts: string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

const subnets = cidrs('10.244.1.0/24', 'fd00:10:244:1::/64');

/** A rule set as `nft -json list ruleset` tells it: one table with these chains, each with its rules. */
function ruleset(family: string, policy: string, chains: Record<string, object[][]>) {
  const objects = Object.entries(chains).flatMap(([name, rules], index) => [
    {
      chain: {
        family,
        table: 'filter',
        name,
        ...(index === 0 && { type: 'filter', hook: 'forward', prio: 0, policy }),
      },
    },
    ...rules.map((expr) => ({ rule: { family, table: 'filter', chain: name, expr } })),
  ]);
  return parseRuleset(JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6' } }, ...objects] }));
}

const accept = { accept: null };
const drop = { drop: null };
const counter = { counter: { packets: 0, bytes: 0 } };
const link = (key: string, right: string) => ({ match: { op: '==', left: { meta: { key } }, right } });
const network = (protocol: string, field: string, addr: string, len: number) => ({
  match: { op: '==', left: { payload: { protocol, field } }, right: { prefix: { addr, len } } },
});
const established = {
  match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] },
};

function found(...parts: Parameters<typeof ruleset>): string[] {
  return droppingChains(ruleset(...parts), subnets).map((finding) => finding.found);
}

const fromPods = /drops what is forwarded from pods$/;
const both = /chain FORWARD of table ip filter drops what is forwarded from pods and to pods$/;

test('a chain that accepts by policy drops nothing', (t) => {
  t.deepEqual(found('ip', 'accept', { FORWARD: [[established, accept]] }), []);
});

test('a policy of dropping drops both directions, whatever is accepted for others', (t) => {
  const rules = [
    [established, accept],
    [link('iifname', 'docker0'), accept],
  ];
  t.regex(found('ip', 'drop', { FORWARD: rules })[0] ?? '', both);
});

test('rules by the host ends accept, in the chain or in one that it jumps to', (t) => {
  const rules = [
    [link('iifname', 'vethds*'), counter, accept],
    [link('oifname', 'veth*'), accept],
  ];
  t.deepEqual(found('ip', 'drop', { FORWARD: rules }), []);
  t.deepEqual(found('inet', 'drop', { FORWARD: [[counter, { jump: { target: 'PODS' } }]], PODS: rules }), []);
  const wrong = rules.map(([, ...rest]) => [link('iifname', 'vethds0*'), ...rest]);
  t.regex(found('ip', 'drop', { FORWARD: wrong })[0] ?? '', both);
});

test('rules by the ranges of pods accept, when they hold the whole range', (t) => {
  const to = [network('ip', 'daddr', '10.244.0.0', 16), accept];
  t.deepEqual(found('ip', 'drop', { FORWARD: [[network('ip', 'saddr', '10.244.0.0', 16), accept], to] }), []);
  const narrow = [network('ip', 'saddr', '10.244.1.0', 25), accept];
  t.regex(found('ip', 'drop', { FORWARD: [narrow, to] })[0] ?? '', fromPods);
});

test('what is dropped before it is accepted is dropped, and a jump that says nothing is passed', (t) => {
  const acceptAll = [[link('iifname', 'vethds*'), accept], [accept]];
  t.regex(
    found('ip', 'accept', { FORWARD: [[link('iifname', 'vethds*'), drop], ...acceptAll] })[0] ?? '',
    fromPods,
  );
  const jump = [{ jump: { target: 'OTHER' } }];
  const other = [[link('iifname', 'eth0'), drop]];
  t.deepEqual(found('ip', 'drop', { FORWARD: [jump, ...acceptAll], OTHER: other }), []);
});

test('chains that call each other in a circle come to an end', (t) => {
  const rules = { FORWARD: [[{ jump: { target: 'FORWARD' } }]] };
  t.regex(found('ip', 'drop', rules)[0] ?? '', both);
});

test('a chain of a family that pods have not is nobody’s concern', (t) => {
  const only = cidrs('10.244.1.0/24');
  t.deepEqual(droppingChains(ruleset('ip6', 'drop', { FORWARD: [] }), only), []);
  t.deepEqual(droppingChains(ruleset('bridge', 'drop', { FORWARD: [] }), subnets), []);
});

test('rules of matches that nft cannot show accept nothing for sure', (t) => {
  const rules = [[{ xt: { type: 'match', name: 'comment' } }, accept]];
  t.regex(found('ip', 'drop', { FORWARD: rules })[0] ?? '', both);
});

/** What `iptables-legacy -S` prints, and whether it drops. */
const legacy: [string, string, boolean][] = [
  ['a policy', '-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT', true],
  ['a policy that accepts', '-P FORWARD ACCEPT', false],
  ['a rule for all', '-P FORWARD ACCEPT\n-A FORWARD -j REJECT --reject-with icmp-port-unreachable', true],
  [
    'a policy, and rules for our host ends',
    '-P FORWARD DROP\n-A FORWARD -i vethds+ -j ACCEPT\n-A FORWARD -o vethds+ -j ACCEPT',
    false,
  ],
  [
    'a policy, and rules for the podCIDR',
    '-P FORWARD DROP\n-A FORWARD -s 10.244.0.0/16 -j ACCEPT\n-A FORWARD -d 10.244.0.0/16 -j ACCEPT',
    false,
  ],
  ['a rule for another link', '-P FORWARD ACCEPT\n-A FORWARD -i docker0 -j DROP', false],
  [
    'a rule for answers alone',
    '-P FORWARD DROP\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    true,
  ],
  [
    'a chain of its own',
    '-P FORWARD ACCEPT\n-N GATE\n-A FORWARD -j LOG --log-prefix x\n-A FORWARD -j GATE\n-A GATE -p tcp -j RETURN\n-A GATE -j DROP',
    true,
  ],
  ['a negated condition', '-P FORWARD ACCEPT\n-A FORWARD ! -i eth0 -j DROP', false],
];

for (const [what, text, drops] of legacy) {
  test(`iptables-legacy ${drops ? 'drops' : 'does not surely drop'} by ${what}`, (t) => {
    const rules = parseLegacy(text, IPv4, 'filter');
    t.deepEqual(
      droppingChains(rules, subnets).flatMap(({ remedy = [] }) => remedy),
      drops
        ? [
            'iptables-legacy -t filter -I FORWARD -i vethds+ -j ACCEPT',
            'iptables-legacy -t filter -I FORWARD -o vethds+ -j ACCEPT',
          ]
        : [],
    );
  });
}
