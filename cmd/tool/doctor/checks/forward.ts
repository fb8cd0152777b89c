import { reason } from '../../../../conf/failure.ts';
import { type Cidr, contains, parseAddress } from '../../../../conf/family.ts';
import { hostEndPrefix } from '../../../../netns/link/naming.ts';
import { isOnPath } from '../../../cni/executables.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';
import { pathOf } from './commands.ts';
import { legacyAdvice, listLegacy } from './legacy.ts';

/** Objects of `nft -json list ruleset` (libnftables-json(5)), as far as they are looked at. */
export interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
  /** The command of iptables-legacy that lists it, when nft does not. */
  readonly legacy?: string;
}
export type Statement = Readonly<Record<string, unknown>>;
export interface Rule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly Statement[];
}
export interface Ruleset {
  readonly chains: readonly Chain[];
  readonly rules: readonly Rule[];
}

/** Reads the output of `nft -json list ruleset`. */
export function parseRuleset(text: string): Ruleset {
  const { nftables = [] } = JSON.parse(text) as { nftables?: { chain?: Chain; rule?: Rule }[] };
  return {
    chains: nftables.flatMap(({ chain }) => chain ?? []),
    rules: nftables.flatMap(({ rule }) => rule ?? []),
  };
}

/** From pods, or to pods. */
const directions = [
  { device: 'iifname', option: '-i', address: 'saddr', what: 'from pods' },
  { device: 'oifname', option: '-o', address: 'daddr', what: 'to pods' },
] as const;
type Direction = (typeof directions)[number];

/** Whether a name with nftables' wildcard stands for every host end. */
function matchesHostEnds(pattern: unknown): boolean {
  return (
    typeof pattern === 'string' && pattern.endsWith('*') && hostEndPrefix.startsWith(pattern.slice(0, -1))
  );
}

interface Prefix {
  readonly prefix?: { readonly addr: string; readonly len: number };
}

function coversPods(right: unknown, subnets: readonly Cidr[]): boolean {
  const { prefix } = (right ?? {}) as Prefix;
  const base = prefix && parseAddress(prefix.addr);
  if (!base || !prefix) return false;
  const network = { family: base.family, base: base.value, prefix: prefix.len };
  return subnets
    .filter(({ family }) => family === base.family)
    .every(
      (subnet) =>
        contains(network, { family: subnet.family, value: subnet.base }) && subnet.prefix >= prefix.len,
    );
}

interface Match {
  readonly op: string;
  readonly left: { meta?: { key: string }; payload?: { protocol: string; field: string } };
  readonly right: unknown;
}

/** Whether every packet of pods in this direction meets the condition. */
function isMetByPods({ op, left, right }: Match, direction: Direction, subnets: readonly Cidr[]): boolean {
  if (op !== '==') return false;
  if (left.meta?.key === direction.device) return matchesHostEnds(right);
  const { protocol = '', field } = left.payload ?? {};
  return ['ip', 'ip6'].includes(protocol) && field === direction.address && coversPods(right, subnets);
}

/** What a rule does with pods' packets: nothing that we can tell, or its verdict. */
function verdictOf(rule: Rule, direction: Direction, subnets: readonly Cidr[]): Statement | undefined {
  const matches = rule.expr.flatMap((statement) => (statement['match'] ? [statement['match'] as Match] : []));
  const isForeign = rule.expr.some((statement) => 'xt' in statement);
  if (isForeign || !matches.every((match) => isMetByPods(match, direction, subnets))) return undefined;
  return rule.expr.find((statement) =>
    ['accept', 'drop', 'reject', 'jump', 'goto'].some((key) => key in statement),
  );
}

type Fate = 'accepted' | 'dropped' | 'undecided';

/** How pods' packets of one direction fare in a chain, by the rules that surely apply to them. */
function fateIn(
  ruleset: Ruleset,
  chain: Pick<Chain, 'family' | 'table' | 'name'>,
  direction: Direction,
  subnets: readonly Cidr[],
  depth = 0,
): Fate {
  const rules = ruleset.rules.filter(
    (rule) => rule.family === chain.family && rule.table === chain.table && rule.chain === chain.name,
  );
  for (const rule of depth < 16 ? rules : []) {
    const verdict = verdictOf(rule, direction, subnets);
    if (!verdict) continue;
    if ('accept' in verdict) return 'accepted';
    if ('drop' in verdict || 'reject' in verdict) return 'dropped';
    const { target } = (verdict['jump'] ?? verdict['goto']) as { target: string };
    const fate = fateIn(ruleset, { ...chain, name: target }, direction, subnets, depth + 1);
    if (fate !== 'undecided') return fate;
  }
  return 'undecided';
}

const familiesOf: Readonly<Record<string, readonly string[]>> = {
  ip: ['IPv4'],
  ip6: ['IPv6'],
  inet: ['IPv4', 'IPv6'],
};

function insert(chain: Chain, direction: Direction): string {
  if (chain.legacy)
    return `${chain.legacy} -t ${chain.table} -I ${chain.name} ${direction.option} ${hostEndPrefix}+ -j ACCEPT`;
  const place = [chain.family, chain.table, chain.name].map(shellWord).join(' ');
  return `nft insert rule ${place} ${direction.device} '"${hostEndPrefix}*"' accept`;
}

function findingFor(chain: Chain, dropped: readonly Direction[]): Finding {
  const kind = chain.legacy ?? chain.family;
  const name = `chain ${chain.name} of table ${kind} ${chain.table}`;
  return {
    level: 'broken',
    found: `${name} drops what is forwarded ${dropped.map(({ what }) => what).join(' and ')}`,
    remedy: dropped.map((direction) => insert(chain, direction)),
    advice:
      'the program that made the chain can replace it: also add the rule at boot; with Docker, in DOCKER-USER',
  };
}

/** The chains on the way of forwarded packets that drop those of pods in these subnets. */
export function droppingChains(ruleset: Ruleset, subnets: readonly Cidr[]): Finding[] {
  const forward = ruleset.chains.filter(({ hook }) => hook === 'forward');
  return forward.flatMap((chain) => {
    const own = subnets.filter(({ family }) => familiesOf[chain.family]?.includes(family.name));
    if (own.length === 0) return [];
    const dropped = directions.filter((direction) => {
      const fate = fateIn(ruleset, chain, direction, own);
      return fate === 'dropped' || (fate === 'undecided' && chain.policy === 'drop');
    });
    return dropped.length > 0 ? [findingFor(chain, dropped)] : [];
  });
}

async function listRuleset({ run }: Patient): Promise<Ruleset | string> {
  try {
    const { stdout } = await run({ program: 'nft', args: ['-json', 'list', 'ruleset'] });
    return parseRuleset(stdout);
  } catch (error) {
    return reason(error);
  }
}

/** Docker's and firewalls' chains: an accept in one is no help against a drop in another. */
export const forward: Check = {
  name: 'FORWARD chains',
  run: async (patient) => {
    const subnets = (patient.preference?.pools ?? []).flatMap((pool) => pool.subnets);
    if (subnets.length === 0) return [];
    if (!isOnPath('nft', pathOf(patient)))
      return [{ level: 'warning', found: 'not checked: there is no nft command' }];
    const ruleset = await listRuleset(patient);
    if (typeof ruleset === 'string') return [{ level: 'warning', found: `not checked: ${ruleset}` }];
    const legacy = await listLegacy(patient);
    const found = [
      ...[ruleset, ...legacy.rulesets].flatMap((each) => droppingChains(each, subnets)),
      ...legacy.unseen.map((unseen): Finding => ({ level: 'warning', found: unseen, advice: legacyAdvice })),
    ];
    return found.length > 0 ? found : [ok('no chain drops what pods send or get')];
  },
};
