import { reason } from '../../../../conf/failure.ts';
import { type Family, families } from '../../../../conf/family.ts';
import { readText } from '../../../../conf/text-file.ts';
import { isOnPath } from '../../../cni/executables.ts';
import type { Patient } from './check.ts';
import { pathOf } from './commands.ts';
import type { Chain, Rule, Ruleset, Statement } from './forward.ts';

/*
 * iptables-legacy keeps rules where nft lists nothing of them. The kernel tells which tables there are.
 */

const placeOf = {
  IPv4: { names: '/proc/net/ip_tables_names', command: 'iptables-legacy', nft: 'ip', protocol: 'ip' },
  IPv6: { names: '/proc/net/ip6_tables_names', command: 'ip6tables-legacy', nft: 'ip6', protocol: 'ip6' },
} as const;

/** The tables that have a chain FORWARD that may drop. */
const forwarding = ['filter', 'mangle', 'security'];

const verdicts: Readonly<Record<string, Statement>> = {
  ACCEPT: { accept: null },
  DROP: { drop: null },
  REJECT: { reject: null },
  // Back to the chain before: no verdict.
  RETURN: { return: null },
};

/** Whether all of the condition is understood: then it is what nft would tell of it. */
function matchOf(option: string, value: string, protocol: string): Statement {
  const device = { '-i': 'iifname', '-o': 'oifname' }[option];
  if (device)
    return { match: { op: '==', left: { meta: { key: device } }, right: value.replace(/\+$/, '*') } };
  const field = { '-s': 'saddr', '-d': 'daddr' }[option];
  const [addr = '', length] = value.split('/');
  if (!field) return { xt: null };
  const right = { prefix: { addr, len: Number(length ?? (protocol === 'ip' ? 32 : 128)) } };
  return { match: { op: '==', left: { payload: { protocol, field } }, right } };
}

const understood = ['-i', '-o', '-s', '-d'];

/**
 * `-A FORWARD -i veth+ -s 10.0.0.0/24 -j ACCEPT`: the words after the chain's name. A target of an extension, as LOG, is
 * taken for a chain without rules: neither decides anything.
 */
function statementsOf(words: readonly string[], protocol: string): Statement[] {
  const statements: Statement[] = [];
  for (let index = 0; index < words.length; index += 2) {
    const [option = '', value = ''] = words.slice(index);
    if (option === '-j' || option === '-g')
      return [...statements, verdicts[value] ?? { jump: { target: value } }];
    // What follows, up to the target, is not understood.
    if (!understood.includes(option)) {
      const target = words.findIndex((word) => word === '-j' || word === '-g');
      return [
        ...statements,
        { xt: null },
        ...(target === -1 ? [] : statementsOf(words.slice(target), protocol)),
      ];
    }
    statements.push(matchOf(option, value, protocol));
  }
  return statements;
}

/** Reads `iptables-legacy -S`. */
export function parseLegacy(text: string, family: Family, table: string): Ruleset {
  const { command, nft, protocol } = placeOf[family.name];
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const place = { family: nft, table };
  const chains = lines
    .filter(([option]) => option === '-P' || option === '-N')
    .map(
      ([option, name = '', policy = '']): Chain => ({
        ...place,
        name,
        legacy: command,
        ...(option === '-P' && name === 'FORWARD' && { hook: 'forward', policy: policy.toLowerCase() }),
      }),
    );
  const rules = lines
    .filter(([option]) => option === '-A')
    .map(([, chain = '', ...words]): Rule => ({ ...place, chain, expr: statementsOf(words, protocol) }));
  return { chains, rules };
}

/** What is there, and a sentence for each table that nobody could list. */
interface Legacy {
  readonly rulesets: readonly Ruleset[];
  readonly unseen: readonly string[];
}

export const legacyAdvice =
  'list it with iptables-legacy -S FORWARD, and have it accept what goes from and to vethds+';

async function listOf(family: Family, patient: Patient): Promise<Legacy> {
  const { names, command } = placeOf[family.name];
  const tables = (readText(names) ?? '').split('\n').filter((name) => forwarding.includes(name));
  const rulesets: Ruleset[] = [];
  const unseen: string[] = [];
  for (const table of tables) {
    const what = `there are ${family.name} rules of iptables-legacy in table ${table}, which nft does not list: not checked`;
    if (!isOnPath(command, pathOf(patient))) unseen.push(`${what}, for there is no ${command}`);
    else
      await patient.run({ program: command, args: ['-t', table, '-S'] }).then(
        ({ stdout }) => rulesets.push(parseLegacy(stdout, family, table)),
        (error: unknown) => unseen.push(`${what}: ${reason(error)}`),
      );
  }
  return { rulesets, unseen };
}

/** The tables of iptables-legacy, of both families. */
export async function listLegacy(patient: Patient): Promise<Legacy> {
  const found = await Promise.all(families.map((family) => listOf(family, patient)));
  return {
    rulesets: found.flatMap(({ rulesets }) => rulesets),
    unseen: found.flatMap(({ unseen }) => unseen),
  };
}
