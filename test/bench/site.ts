import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { debianPlugins } from '../lab/cni.ts';
import { type Lab, type Namespace, systemPath } from '../lab/namespaces.ts';
import { type Contestant, configurationOf } from './contestants.ts';

/** How long a program took: milliseconds of wall time, and of CPU time with all children's. */
export interface Timing {
  readonly wall: number;
  readonly cpu: number;
}

export type Verb = 'ADD' | 'CHECK' | 'DEL';

/** The path of a script beside this file. */
export function script(name: string): string {
  return join(import.meta.dirname, name);
}

/** A node for one contestant, with an outside world that knows the way to its pods. */
export class Site {
  readonly contestant: Contestant;
  readonly node: Namespace;
  readonly world: Namespace;
  readonly dataDir: string;
  readonly #folder: string;
  readonly #lab: Lab;

  private constructor(contestant: Contestant, lab: Lab, node: Namespace, world: Namespace, folder: string) {
    this.contestant = contestant;
    this.node = node;
    this.world = world;
    this.dataDir = join(folder, 'leases');
    this.#folder = folder;
    this.#lab = lab;
  }

  /** @param folder on a file system in memory, as /run is, for everybody's leases alike. */
  static async open(contestant: Contestant, lab: Lab, folder: string): Promise<Site> {
    await mkdir(folder, { recursive: true });
    const node = await lab.node();
    const world = await lab.outside(node);
    for (const [to, via] of [
      ['10.244.0.0/16', '192.0.2.10'],
      ['fd00:10:244:1::/64', '2001:db8::10'],
    ] as const)
      await world.run('ip', 'route', 'add', to, 'via', via);
    return new Site(contestant, lab, node, world, folder);
  }

  pod(): Promise<Namespace> {
    return this.#lab.pod();
  }

  /** Calls the plugin as a runtime does. @throws when it fails. */
  async call(verb: Verb, containerID: string, pod: Namespace): Promise<Timing> {
    const result = join(this.#folder, `${containerID}.result`);
    const input = join(this.#folder, 'input');
    const output = verb === 'ADD' ? result : join(this.#folder, 'output');
    const prevResult = verb === 'ADD' ? undefined : JSON.parse(await readFile(result, 'utf8'));
    await writeFile(input, this.configuration(prevResult));
    const env = this.environment(verb, { CNI_CONTAINERID: containerID, CNI_NETNS: pod.path });
    return stopwatch(this.node, input, output, [this.contestant.program], env);
  }

  /** The addresses that an ADD gave. */
  async addressesOf(containerID: string): Promise<string[]> {
    const result = JSON.parse(await readFile(join(this.#folder, `${containerID}.result`), 'utf8'));
    return result.ips.map(({ address }: { address: string }) => address.split('/')[0] ?? '');
  }

  configuration(prevResult?: object): string {
    return JSON.stringify({ ...configurationOf(this.contestant, this.dataDir), prevResult });
  }

  environment(verb: Verb, more: Readonly<Record<string, string>>): Record<string, string> {
    const CNI_PATH = `${dirname(this.contestant.program)}:${debianPlugins}`;
    return { PATH: systemPath, CNI_COMMAND: verb, CNI_IFNAME: 'eth0', CNI_PATH, ...more };
  }
}

/** A command line that runs a program in a network namespace, and costs next to nothing of its own. */
export function inside(namespace: Namespace, command: readonly string[]): [string, string[]] {
  return ['nsenter', [`--net=${namespace.path}`, '--', ...command]];
}

/** Runs a program under the stopwatch. @throws when it fails, with what it said. */
export async function stopwatch(
  node: Namespace,
  input: string,
  output: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Timing> {
  const [program, args] = inside(node, [script('stopwatch.sh'), input, output, ...command]);
  const { stdout } = await execa(program, args, { env, extendEnv: false });
  const [start = 0, user = 0, system = 0, status, end = 0] = stdout.split(' ').map(Number);
  if (status === 0) return { wall: (end - start) / 1000, cpu: (user + system) * 1000 };
  throw new Error(`${command.join(' ')} ended with ${status}: ${await readFile(output, 'utf8')}`);
}
