import test from 'ava';
import { execa } from 'execa';
import { planNetwork } from '../../netns/firewall/masquerade.ts';
import { base, planRewrite, planTable } from '../../netns/firewall/table.ts';
import { type Namespace, openLab, systemPath } from '../lab/namespaces.ts';
import { samples } from '../lab/rule-sets.ts';

async function load(node: Namespace, input: string): Promise<void> {
  const options = { env: { PATH: systemPath }, input };
  await execa('ip', ['netns', 'exec', node.name, 'nft', '-f', '-'], options);
}

function listed(node: Namespace): Promise<string> {
  return node.run('nft', '--terse', 'list', 'table', 'inet', 'dualstack');
}

for (const { what, egress } of samples) {
  test.serial(
    `the kernel lists exactly what is planned, and a rewrite changes nothing of it: ${what}`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const { blocks, unwanted } = planNetwork(egress);
      const all = [...base, ...blocks];
      await load(node, planTable(all));
      t.is(await listed(node), planTable(all).trimEnd());
      await load(node, planRewrite(all, unwanted));
      t.is(await listed(node), planTable(all).trimEnd());
    },
  );
}
