import test from 'ava';
import { execa } from 'execa';
import { egressChain, planEgress } from '../../netns/firewall/egress.ts';
import { parseListing } from '../../netns/firewall/listing.ts';
import { base } from '../../netns/firewall/table.ts';
import { addTable, declare, formatTransaction } from '../../netns/firewall/transaction.ts';
import { type Namespace, openLab, systemPath } from '../lab/namespaces.ts';
import { samples } from '../lab/rule-sets.ts';

async function load(node: Namespace, input: string): Promise<void> {
  const options = { env: { PATH: systemPath }, input };
  await execa('ip', ['netns', 'exec', node.name, 'nft', '-f', '-'], options);
}

/** The blocks, as this nft shows them, without handles. */
async function listed(node: Namespace): Promise<object> {
  const { blocks } = parseListing(await node.run('nft', '-j', '-n', 'list', 'table', 'inet', 'dualstack'));
  return Object.fromEntries(blocks);
}

for (const { what, addresses, direct, settings } of samples) {
  test.serial(`the kernel takes what is planned, and the same again changes nothing: ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const blocks = [...base, egressChain(planEgress(addresses, direct, settings))];
    const plan = formatTransaction([addTable, ...declare(blocks)]);
    await load(node, plan);
    const first = await listed(node);
    t.deepEqual(Object.keys(first).sort(), blocks.map(({ kind, name }) => `${kind} ${name}`).sort());
    await load(node, plan);
    t.deepEqual(await listed(node), first);
  });
}
