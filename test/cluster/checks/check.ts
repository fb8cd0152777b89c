import type { ExecutionContext } from 'ava';
import type { Cluster } from '../harness/cluster.ts';

/** One statement that a cluster is held against. It leaves the cluster as it was. */
export interface Check {
  readonly title: string;
  run(t: ExecutionContext, cluster: Cluster): Promise<void>;
}
