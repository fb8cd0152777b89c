import { equal } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdtemp, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { defaultNodeState } from '../../ipam/store/registry.ts';
import { nftFolder } from './nft-folder.ts';
import { until } from './until.ts';

const systemFolders = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const suite = process.env['DUALSTACK_NFT'];

/**
 * The system's own folders alone: node_modules/.bin, on npm's PATH, holds an unrelated `nft`. DUALSTACK_NFT=trixie puts
 * the nft of that release before them (nft-versions.ts).
 */
export const systemPath = suite ? `${nftFolder(suite)}:${systemFolders}` : systemFolders;

/** Unlike any other of this machine: several tests run at once, also in threads of one process. */
function uniqueName(role: string): string {
  return `dst-${randomBytes(5).toString('hex')}-${role}`;
}

/** One network namespace: a host, a pod, or the outside. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  /** Runs a command inside, with its own view of /sys. @returns its standard output. @throws as execa does. */
  async run(command: string, ...args: string[]): Promise<string> {
    const options = { env: { PATH: systemPath } };
    return (await execa('ip', ['netns', 'exec', this.name, command, ...args], options)).stdout;
  }

  /** The same with something for its standard input. */
  async feed(input: string, command: string, ...args: string[]): Promise<string> {
    const options = { env: { PATH: systemPath }, input };
    return (await execa('ip', ['netns', 'exec', this.name, command, ...args], options)).stdout;
  }

  /** What `ip -json` answers. */
  async ask<T>(...question: string[]): Promise<T> {
    return JSON.parse((await this.run('ip', '-json', ...question)) || '[]') as T;
  }

  /** Whether a process is in it. */
  holds(pid: string): boolean {
    try {
      return statSync(`/proc/${pid}/ns/net`).ino === statSync(this.path).ino;
    } catch {
      return false;
    }
  }

  /** The names of its links, but `lo`. */
  async links(): Promise<string[]> {
    const links = await this.ask<{ ifname: string }[]>('link', 'show');
    return links.map(({ ifname }) => ifname).filter((name) => name !== 'lo');
  }
}

/** One end of a cable: addresses with their prefix lengths, and the default gateways. */
export interface CableEnd {
  readonly namespace: Namespace;
  readonly link: string;
  readonly addresses: readonly string[];
  readonly gateways?: readonly string[];
}

/**
 * Hosts on one machine: network namespaces and a folder, made for one test and removed with it, also when it
 * failed: `await using lab = await openLab()`.
 */
export class Lab implements AsyncDisposable {
  readonly folder: string;
  readonly #namespaces: Namespace[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @param role appears in its name: `node`, `pod`. */
  async namespace(role: string): Promise<Namespace> {
    const namespace = new Namespace(uniqueName(role));
    this.#namespaces.push(namespace);
    await execa('ip', ['netns', 'add', namespace.name]);
    await namespace.run('ip', 'link', 'set', 'lo', 'up');
    return namespace;
  }

  /** A node: a host that pods are wired to. */
  node(): Promise<Namespace> {
    return this.namespace('node');
  }

  pod(): Promise<Namespace> {
    return this.namespace('pod');
  }

  /** Lays a cable between two namespaces, ready at once: no address is tentative, and both ends send. */
  async cable(one: CableEnd, other: CableEnd): Promise<void> {
    const peer = ['peer', 'name', other.link, 'netns', other.namespace.name];
    await one.namespace.run('ip', 'link', 'add', one.link, 'type', 'veth', ...peer);
    await raise(one, 'fe80::a/64');
    await raise(other, 'fe80::b/64');
    for (const end of [one, other]) await sends(end);
    for (const end of [one, other]) await addGateways(end);
  }

  /**
   * The world beyond the node, wired to it in both families: the node has 192.0.2.10 and 2001:db8::10, the world
   * 192.0.2.1 and 2001:db8::1, which is the node's default route. The world knows no way to pods.
   */
  async outside(node: Namespace): Promise<Namespace> {
    const world = await this.namespace('world');
    await this.cable(
      {
        namespace: node,
        link: 'uplink',
        addresses: ['192.0.2.10/24', '2001:db8::10/64'],
        gateways: ['192.0.2.1', '2001:db8::1'],
      },
      { namespace: world, link: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
    );
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { name, path } of this.#namespaces.splice(0)) {
      await removeNodeState(path);
      await execa('ip', ['netns', 'delete', name], { reject: false });
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What the plugin keeps for the node until its last pod is gone: labs go with their pods. */
async function removeNodeState(path: string): Promise<void> {
  const { ino } = await stat(path);
  await rm(join(defaultNodeState, `${ino}`), { recursive: true, force: true });
  for (const folder of [defaultNodeState, dirname(defaultNodeState)]) await rmdir(folder).catch(() => {});
}

function nodad(address: string): string[] {
  return address.includes(':') ? ['nodad'] : [];
}

/** The kernel would make a link-local address of its own, and test it for a second. */
async function raise({ namespace, link, addresses }: CableEnd, linkLocal: string): Promise<void> {
  await namespace.run('ip', 'link', 'set', link, 'addrgenmode', 'none');
  for (const address of [...addresses, linkLocal]) {
    await namespace.run('ip', 'address', 'add', address, 'dev', link, ...nodad(address));
  }
  await namespace.run('ip', 'link', 'set', link, 'up');
}

/** The end that was up first drops what it is to send until the kernel has noticed the other, in its own time. */
async function sends({ namespace, link }: CableEnd): Promise<void> {
  await until(`${link} to send`, async () => {
    const [state] = await namespace.ask<{ operstate: string }[]>('link', 'show', 'dev', link);
    equal(state?.operstate, 'UP');
  });
}

async function addGateways({ namespace, gateways = [] }: CableEnd): Promise<void> {
  for (const gateway of gateways) await namespace.run('ip', 'route', 'add', 'default', 'via', gateway);
}

export async function openLab(): Promise<Lab> {
  return new Lab(await mkdtemp(join(tmpdir(), 'dualstack-lab-')));
}
