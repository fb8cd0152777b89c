import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, Configuration } from './cluster.ts';

const folder = join(import.meta.dirname, '../../../dist/cluster');

/** What was asked of a cluster, and what came of it, for people: a table in Markdown under dist/cluster. */
export class Results {
  readonly #lines: string[] = [];
  #versions = 'unknown versions: the cluster did not start';

  /** Notes what the cluster is made of, as its nodes say it. */
  async describe({ kubectl, configuration }: Cluster): Promise<void> {
    const [{ status }] = await kubectl.items('nodes');
    const { kubeletVersion, containerRuntimeVersion, osImage, kernelVersion } = status.nodeInfo;
    this.#versions = [
      `Kubernetes ${kubeletVersion}`,
      containerRuntimeVersion.replace('://', ' '),
      `kube-proxy in ${configuration.proxyMode} mode`,
      osImage,
      `Linux ${kernelVersion.split('-')[0]}`,
    ].join(', ');
  }

  note(title: string, isPassed: boolean, start: number): void {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    this.#lines.push(`| ${title} | ${isPassed ? 'passed' : 'failed'} | ${seconds} |`);
  }

  async write({ first }: Configuration): Promise<void> {
    await mkdir(folder, { recursive: true });
    const head = [this.#versions, '', '| check | result | seconds |', '| --- | --- | ---: |'];
    await writeFile(join(folder, `${first}-first.md`), `${[...head, ...this.#lines].join('\n')}\n`);
  }
}
