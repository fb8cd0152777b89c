import { ExecaError } from 'execa';
import type { Host } from './host.ts';

const cluster = [
  'kubectl get nodes,pods,services,endpointslices --all-namespaces --output=wide',
  'kubectl get events --all-namespaces --sort-by=.lastTimestamp',
];

const everyHost = ['ip route', 'ip -6 route', 'tail -n 15 "$FOLDER"/*.log'];

const node = ['dualstack doctor', 'dualstack leases'];

/** What a person would ask for when something fails: pods, events; of each node doctor's answer; routes, and logs. */
export async function evidence(controlPlane: Host, workers: readonly Host[]): Promise<string> {
  const answers = await Promise.all([
    ...cluster.map((line) => answer(controlPlane, line)),
    ...workers.flatMap((host) => node.map((line) => answer(host, line))),
    ...[controlPlane, ...workers].flatMap((host) => everyHost.map((line) => answer(host, line))),
  ]);
  return answers.join('\n\n');
}

/** A question that gets no answer is one more piece of evidence. */
async function answer(host: Host, line: string): Promise<string> {
  const said = await host
    .type(`FOLDER=${host.machine.folder}; timeout 20 ${line} 2>&1`)
    .catch((error: unknown) => {
      if (error instanceof ExecaError) return `${error.stdout}\n${error.shortMessage}`;
      throw error;
    });
  return `${host.name}# ${line}\n${said}`;
}
