import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Machine } from '../../lab/machine.ts';
import { systemPath } from '../../lab/namespaces.ts';
import { until } from '../../lab/until.ts';
import { families, plans } from './addresses.ts';

/**
 * What kubelet wants of the kernel beyond its namespaces, as `sysctl` names it, and would write. Here it reads files that
 * say that all is so: the kernel is the machine's below.
 */
const wanted = {
  'kernel/keys/root_maxbytes': '25000000',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
};

/** A computer of the cluster: a machine with a host name, a link to the nodes' segment, and programs that stay. */
export class Host {
  readonly name: string;
  /** Its number on the segment, which is the last part of its addresses. */
  readonly number: number;
  readonly machine: Machine;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(name: string, number: number, machine: Machine, tools: string) {
    this.name = name;
    this.number = number;
    this.machine = machine;
    this.#environment = {
      PATH: `${tools}:${systemPath}:/opt/cni/bin`,
      KUBECONFIG: `${machine.folder}/admin.kubeconfig`,
    };
  }

  /** Makes a machine one. @param tools the folder of Kubernetes' programs. */
  static async start(name: string, number: number, machine: Machine, tools: string): Promise<Host> {
    const host = new Host(name, number, machine, tools);
    await host.run('hostname', name);
    await host.run('mount', '--make-rshared', '/');
    for (const [name, value] of Object.entries(wanted)) {
      const file = join(host.machine.folder, name.replaceAll('/', '.'));
      await writeFile(file, `${value}\n`);
      await host.run('mount', '--bind', file, `/proc/sys/${name}`);
    }
    return host;
  }

  /** Its addresses on the segment, by family. */
  address(family: (typeof families)[number]): string {
    return plans[family].segment.host(this.number);
  }

  /** Runs a command on it. @returns its standard output. @throws as execa does. */
  async run(command: string, ...args: string[]): Promise<string> {
    return this.feed('', command, ...args);
  }

  /** The same with something for its standard input. */
  async feed(input: string, command: string, ...args: string[]): Promise<string> {
    const [enter = '', ...target] = this.machine.entry;
    const { stdout } = await execa(enter, [...target, command, ...args], { env: this.#environment, input });
    return stdout;
  }

  /** Runs lines of a document, as somebody types them. */
  async type(lines: string): Promise<string> {
    return this.run('bash', '-euo', 'pipefail', '-c', lines);
  }

  /** What sets its environment for a program, before the program's own words. */
  environmentWords(): string[] {
    return ['env', ...Object.entries(this.#environment).map(([name, value]) => `${name}=${value}`)];
  }

  /** Starts a program that stays until it is stopped, or until the machine ends. */
  async daemon(name: string, command: string, ...args: string[]): Promise<Daemon> {
    const daemon = new Daemon(this, name, [command, ...args]);
    await daemon.start();
    return daemon;
  }

  /** A cable to a port of the router's bridge, which is in the namespace `router`. */
  async plug(router: string): Promise<void> {
    const [, , pid = ''] = this.machine.entry;
    const port = `p${randomBytes(4).toString('hex')}`;
    const peer = ['peer', 'name', port, 'netns', router];
    await execa('ip', ['link', 'add', 'eth0', 'netns', pid, 'type', 'veth', ...peer]);
    await execa('ip', ['-netns', router, 'link', 'set', port, 'master', 'lan', 'up']);
    for (const family of families) {
      const { segment } = plans[family];
      const address = `${this.address(family)}/${segment.prefix}`;
      const more = family === 'IPv6' ? ['nodad'] : [];
      await this.run('ip', 'address', 'add', address, 'dev', 'eth0', ...more);
    }
    await this.run('ip', 'link', 'set', 'eth0', 'up');
    for (const family of families)
      await this.run('ip', 'route', 'add', 'default', 'via', plans[family].segment.host(1));
  }
}

/** A program that a host runs. Its output goes to a file of the host's folder, which a restart goes on with. */
export class Daemon {
  readonly name: string;
  readonly #host: Host;
  readonly #words: readonly string[];

  constructor(host: Host, name: string, words: readonly string[]) {
    this.#host = host;
    this.name = name;
    this.#words = words;
  }

  get log(): string {
    return `${this.#host.machine.folder}/${this.name}.log`;
  }

  get #pidFile(): string {
    return `/run/${this.name}.daemon`;
  }

  async start(): Promise<void> {
    const script = 'echo $$ >"$0.new"; mv "$0.new" "$0"; log=$1; shift; exec "$@" >>"$log" 2>&1';
    const env = this.#host.environmentWords();
    const words = ['-c', script, this.#pidFile, this.log, ...env, ...this.#words];
    this.#host.machine.startDaemon('sh', words, `${this.log}.shell`);
    await until(`${this.name} on ${this.#host.name} to start`, () => this.#pid());
  }

  /** Ends it, as an init system does, and waits until it is gone. */
  async stop(signal = 'TERM'): Promise<void> {
    const pid = await this.#pid();
    await this.#host.run('rm', this.#pidFile);
    await this.#host.run('kill', `-${signal}`, pid);
    await until(
      `the end of ${this.name} on ${this.#host.name}`,
      async () => {
        if (await this.#runs(pid)) throw new Error(`process ${pid} runs`);
      },
      60_000,
    );
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  #pid(): Promise<string> {
    return this.#host.run('cat', this.#pidFile);
  }

  #runs(pid: string): Promise<boolean> {
    return this.#host.run('kill', '-0', pid).then(
      () => true,
      () => false,
    );
  }
}
