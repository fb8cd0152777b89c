import { execa } from 'execa';
import { type Namespace, systemPath } from './namespaces.ts';

/** How many packets came in, and how many of them got past our table's checks. */
export interface Counts {
  readonly sent: number;
  readonly passed: number;
}

/** Of conntrack's own, and after the checks: -400 and below -300. */
const stages = { sent: -390, passed: -250 };

interface Listing {
  readonly nftables: readonly { rule?: { expr: readonly { counter?: { packets: number } }[] } }[];
}

/**
 * Counts packets of one kind at both sides of our table's checks, in a table of its own.
 *
 * @param expression says which, in nft's words.
 * @returns what there was up to then.
 */
export async function watch(node: Namespace, expression: string): Promise<() => Promise<Counts>> {
  const chains = Object.entries(stages).map(
    ([name, priority]) =>
      `chain ${name} { type filter hook prerouting priority ${priority}; ${expression} counter; }`,
  );
  const input = `add table inet watch\ndelete table inet watch\ntable inet watch { ${chains.join('\n')}\n}\n`;
  const options = { env: { PATH: systemPath }, input };
  await execa('ip', ['netns', 'exec', node.name, 'nft', '-f', '-'], options);
  const count = async (chain: keyof typeof stages) => {
    const text = await node.run('nft', '--json', 'list', 'chain', 'inet', 'watch', chain);
    const rules = (JSON.parse(text) as Listing).nftables.flatMap(({ rule }) => rule?.expr ?? []);
    return rules.reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0);
  };
  return async () => ({ sent: await count('sent'), passed: await count('passed') });
}
