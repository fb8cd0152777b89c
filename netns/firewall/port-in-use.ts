import { codes, Failure } from '../../conf/failure.ts';
import { describePort } from './elements.ts';
import type { HostPort } from './footprint.ts';

/** A host port that leads to another pod. */
export class PortInUse extends Failure {
  /** That pod's address; undefined when it went away meanwhile. */
  readonly target: string | undefined;

  constructor(operation: string, port: HostPort, target: string | undefined, cause?: unknown) {
    const holder = target ?? 'a pod that is gone by now';
    super(codes.inUse, `${operation}: host port ${describePort(port)} is in use by ${holder}`, {
      details:
        'a host port leads to one pod: give this one another hostPort or hostIP, or delete the other pod',
      cause,
    });
    this.target = target;
  }
}
