import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { registry } from './images.ts';

/** What one of Kubernetes' own tests came to, with how long it took and, when it failed, why. */
export interface Outcome {
  readonly name: string;
  readonly state: string;
  readonly seconds: number;
  readonly failure: string;
}

/** Parts of ginkgo's report (https://pkg.go.dev/github.com/onsi/ginkgo/v2/types#SpecReport). */
interface SpecReport {
  readonly LeafNodeType: string;
  readonly LeafNodeText: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly State: string;
  readonly RunTime: number;
  readonly Failure?: { readonly Message: string };
}

/**
 * Runs Kubernetes' own tests of clusters, `e2e.test`: those whose names have `focus`, but not `skip`; both are regular
 * expressions.
 *
 * @returns what each of them came to, whether it passed or not.
 */
export async function runSuite({ controlPlane }: Cluster, focus: string, skip: string): Promise<Outcome[]> {
  const { host } = controlPlane;
  const { folder } = host.machine;
  const [report, repositories] = [join(folder, 'suite.json'), join(folder, 'repositories.yaml')];
  await writeFile(repositories, `promoterE2eRegistry: ${registry}\n`);
  const words = [
    'e2e.test',
    '--provider=skeleton',
    `--kubeconfig=${folder}/admin.kubeconfig`,
    '--ginkgo.silence-skips',
    `--ginkgo.focus='${focus}'`,
    `--ginkgo.skip='${skip}'`,
    `--ginkgo.json-report=${report}`,
  ];
  // It exits with 1 when a test has failed: the report says which. Without one, it did not get that far.
  await host.type(
    `KUBE_TEST_REPO_LIST=${repositories} ${words.join(' ')} >${folder}/suite.log 2>&1 || [ -e ${report} ]`,
  );
  const [{ SpecReports }] = JSON.parse(await readFile(report, 'utf8')) as [{ SpecReports: SpecReport[] }];
  return SpecReports.filter(isTold).map(outcome);
}

/** Tests that were run, and what goes before and after them when it fails. */
function isTold({ LeafNodeType, State }: SpecReport): boolean {
  return State !== 'skipped' && (LeafNodeType === 'It' || State !== 'passed');
}

function outcome(spec: SpecReport): Outcome {
  return {
    name: [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText || spec.LeafNodeType].join(' '),
    state: spec.State,
    seconds: Math.round(spec.RunTime / 1e9),
    failure: spec.Failure?.Message ?? '',
  };
}
