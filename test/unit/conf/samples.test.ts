import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseConfiguration } from '../../../conf/configuration.ts';
import { formatCidr } from '../../../conf/family.ts';

const folder = join(import.meta.dirname, '../../../conf');

interface Conflist {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly Readonly<Record<string, unknown>>[];
}

function podCIDRsOf(text: string): string[] {
  const { cniVersion, name, plugins } = JSON.parse(text) as Conflist;
  const { capabilities: _, ...own } = plugins[0] ?? {};
  return parseConfiguration({ ...own, cniVersion, name }).podCIDRs.map(formatCidr);
}

/** What Go's text/template makes of the one thing that the template is about. */
function filledIn(template: string, ranges: readonly string[]): string {
  return template.replace(/\[\{\{range[^\]]*\]/, () => JSON.stringify(ranges));
}

test('the sample is a configuration that we take', (t) => {
  const sample = readFileSync(join(folder, '10-dualstack.conflist'), 'utf8');
  t.deepEqual(podCIDRsOf(sample), ['10.244.1.0/24', 'fd00:10:244:1::/64']);
});

test('containerd’s template is one, too, once the podCIDRs are in', (t) => {
  const template = readFileSync(join(folder, 'containerd-template.conflist'), 'utf8');
  for (const ranges of [['10.244.1.0/24'], ['fd00::/64', '10.244.1.0/24']]) {
    t.deepEqual(podCIDRsOf(filledIn(template, ranges)), ranges);
  }
});
