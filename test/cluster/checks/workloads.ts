import { agnhost } from '../harness/images.ts';

/** What a pod of the tests may differ in. */
export interface PodOptions {
  readonly node: string;
  readonly hostNetwork?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** What agnhost is to do: a web server that tells its name and who asked, unless said otherwise. */
  readonly args?: readonly string[];
}

export const webPort = 8080;

/** A pod on a node, which ends as soon as it is told to. */
export function pod(name: string, { node, hostNetwork = false, labels = {}, args }: PodOptions): object {
  const container = {
    name: 'agnhost',
    image: agnhost,
    imagePullPolicy: 'Never',
    args: args ?? ['netexec', `--http-port=${webPort}`, `--udp-port=${webPort}`],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { nodeName: node, hostNetwork, terminationGracePeriodSeconds: 0, containers: [container] },
  };
}

/** A Service whose port 80 leads to the web servers with `labels`; `more` is the rest of its `spec`. */
export function service(name: string, more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80, targetPort: webPort }], ...more },
  };
}
