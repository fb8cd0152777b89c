import { agnhost } from '../harness/images.ts';

/** What a pod of the tests may differ in. */
export interface PodOptions {
  readonly node?: string;
  readonly hostNetwork?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** What agnhost is to do: a web server that tells its name and who asked, unless said otherwise. */
  readonly args?: readonly string[];
  /** Fields of the container beside. */
  readonly container?: object;
}

/** Where netexec listens, over TCP and UDP. */
export const webPort = 8080;

/** Ready when it answers. */
const webServer = {
  args: ['netexec', `--http-port=${webPort}`, `--udp-port=${webPort}`],
  readinessProbe: { httpGet: { path: '/healthz', port: webPort }, periodSeconds: 1 },
};

/** The `spec` of a pod that ends as soon as it is told to. */
export function podSpec({ node, hostNetwork = false, args, container = {} }: PodOptions): object {
  const agnhostContainer = {
    name: 'agnhost',
    image: agnhost,
    imagePullPolicy: 'Never',
    ...(args ? { args } : webServer),
    ...container,
  };
  return {
    ...(node && { nodeName: node }),
    hostNetwork,
    terminationGracePeriodSeconds: 0,
    containers: [agnhostContainer],
  };
}

export function pod(name: string, options: PodOptions): object {
  const { labels = {} } = options;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: podSpec(options) };
}

/** A Service whose port 80 leads to the servers that it selects, over TCP; `more` is the rest of its `spec`. */
export function service(name: string, more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80, targetPort: webPort }], ...more },
  };
}

/** The same with both families. */
export function dualService(name: string, selector: object, more: object = {}): object {
  return service(name, { selector, ipFamilyPolicy: 'RequireDualStack', ...more });
}

/** How a Deployment differs from that of pods anywhere, which are replaced as Kubernetes does by default. */
interface DeploymentOptions extends PodOptions {
  readonly nodeSelector?: object;
  readonly strategy?: object;
}

/** A Deployment of web servers with the label `app` as its name. */
export function deployment(name: string, replicas: number, options: DeploymentOptions): object {
  const { nodeSelector = {}, strategy = {}, ...rest } = options;
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      strategy,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { ...podSpec(rest), nodeSelector } },
    },
  };
}
