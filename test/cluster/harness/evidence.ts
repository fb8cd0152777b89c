import { ExecaError } from 'execa';
import type { Host } from './host.ts';

const cluster = [
  'kubectl get nodes,pods,services,endpointslices --all-namespaces --output=wide',
  'kubectl get events --all-namespaces --sort-by=.lastTimestamp',
];

const everyHost = ['ip route', 'ip -6 route', 'tail -n 15 "$FOLDER"/*.log'];

const node = ['dualstack doctor', 'dualstack leases'];

/** What a person would ask for when something fails: pods, events; of each node doctor's answer; routes, and logs. */
export class Evidence {
  readonly #controlPlane: Host;
  readonly #workers: readonly Host[];
  #collected: string | undefined;

  constructor(controlPlane: Host, workers: readonly Host[]) {
    this.#controlPlane = controlPlane;
    this.#workers = workers;
  }

  /** Asks, unless that was done since somebody took the answers: the first failure is the one to look at. */
  async collect(): Promise<void> {
    this.#collected ??= await this.#ask();
  }

  /** @returns what was collected, or else is there now. */
  async take(): Promise<string> {
    await this.collect();
    const collected = this.#collected ?? '';
    this.#collected = undefined;
    return collected;
  }

  async #ask(): Promise<string> {
    const answers = await Promise.all([
      ...cluster.map((line) => answer(this.#controlPlane, line)),
      ...this.#workers.flatMap((host) => node.map((line) => answer(host, line))),
      ...[this.#controlPlane, ...this.#workers].flatMap((host) =>
        everyHost.map((line) => answer(host, line)),
      ),
    ]);
    return answers.join('\n\n');
  }
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
