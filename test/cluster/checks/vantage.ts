import { inUrl } from '../harness/addresses.ts';
import type { Cluster } from '../harness/cluster.ts';
import type { Host } from '../harness/host.ts';
import type { ApiObject } from '../harness/kubectl.ts';

/** Somebody who asks: a pod, a node, or the world outside, which is on no node. */
export interface Vantage {
  readonly name: string;
  readonly node?: string;
  /** Runs a command there. @returns its standard output. @throws as execa does. */
  run(command: string, ...args: string[]): Promise<string>;
}

export function inPod({ kubectl }: Cluster, { metadata, spec }: ApiObject): Vantage {
  return {
    name: `pod ${metadata.name}`,
    node: spec.nodeName,
    run: (...words) => kubectl.run('exec', metadata.name, '--', ...words),
  };
}

export function onNode(host: Host): Vantage {
  return { name: host.name, node: host.name, run: (...words) => host.run(...words) };
}

export function outside({ network }: Cluster): Vantage {
  return { name: 'the world', run: (...words) => network.world.run(...words) };
}

/** A server of agnhost's netexec, and what it is asked: `hostname`, or `clientip` for the source that it sees. */
export interface Question {
  readonly address: string;
  readonly port: number;
  readonly path: string;
}

/** Asks, each time over a connection of its own. @returns the answers. @throws when one does not come. */
export async function ask(from: Vantage, { address, port, path }: Question, times = 1): Promise<string[]> {
  const url = `http://${inUrl(address)}:${port}/${path}`;
  const options = ['--silent', '--show-error', '--fail', '--fail-early', '--globoff', '--max-time', '5'];
  const each = ['--header', 'Connection: close', '--write-out', '\n'];
  const said = await from.run('curl', ...options, ...each, ...Array<string>(times).fill(url));
  return said.trim().split('\n');
}

/** The address in what netexec answers to `clientip`: `192.0.2.10:4711`, `[2001:db8::10]:4711`. */
export function sourceOf(answer: string): string {
  return answer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
