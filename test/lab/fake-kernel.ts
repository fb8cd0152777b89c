import { readlinkSync } from 'node:fs';
import type { Command, Output, Run } from '../../netns/process/exec.ts';
import { type Reply, reply } from './expected-runs.ts';
import { FakeNft } from './fake-nft.ts';

interface Link {
  readonly mac: string;
  /** The namespace and name of the pair's other end. */
  readonly peer: readonly [Namespace, string];
  up: boolean;
  readonly addresses: string[];
  readonly routes: { dst: string; gateway?: string }[];
  readonly neighbours: { dst: string; lladdr: string }[];
}

type Namespace = Map<string, Link>;

/** What is asked of one line of a batch: an answer for -json, nothing, or a complaint. */
type LineAnswer = readonly object[] | undefined | string;

/** The word after another one in a line. */
function after(words: readonly string[], word: string): string {
  return words[words.indexOf(word) + 1] ?? '';
}

function described(name: string, link: Link): object {
  return {
    ifname: name,
    address: link.mac,
    flags: link.up ? ['UP'] : [],
    addr_info: link.addresses.map((local) => ({ local })),
  };
}

/** As the kernel's tools write a destination. */
function inKernelWords(dst: string): string {
  return /\/0$/.test(dst) ? 'default' : dst.replace(/(?<=:.*)\/128$|(?<=\..*)\/32$/, '');
}

/**
 * Stands in for the kernel behind `ip` and `nft`: links, addresses, routes and neighbours of the host and of pods,
 * and one table, as far as the plugin asks. What else is started succeeds, and does nothing.
 */
export class FakeKernel {
  readonly host: Namespace = new Map();
  readonly pods = new Map<string, Namespace>();
  readonly nft = new FakeNft();
  /** What was started, in its order. */
  readonly started: Command[] = [];
  /** Has a program end in another way; asked first. */
  interfere: (command: Command) => Reply | undefined = () => undefined;

  readonly run: Run = async (command) => {
    this.started.push(command);
    const interference = this.interfere(command);
    if (interference) return reply(command, interference);
    if (this.#isIp(command)) return this.#batch(command);
    const { program, args, input = '' } = command;
    const isApart = program === 'unshare' && args.includes('nft');
    if (program === 'nft') return reply(command, this.nft.run(args, input));
    return reply(command, isApart ? new FakeNft().run(args, input) : {});
  };

  /** The names of all links. */
  get links(): string[] {
    return [this.host, ...this.pods.values()].flatMap((namespace) => [...namespace.keys()]);
  }

  /** Ends a namespace, by a path that leads to it: its links go, and with them their other ends. */
  end(path: string): void {
    const key = readlinkSync(path);
    for (const { peer } of this.pods.get(key)?.values() ?? []) peer[0].delete(peer[1]);
    this.pods.delete(key);
  }

  #isIp({ program, args }: Command): boolean {
    return program === 'ip' || (program === 'nsenter' && args[args.indexOf('--') + 1] === 'ip');
  }

  /** The namespace behind a descriptor of ours. */
  #pod(descriptor: number | undefined): Namespace {
    const key = readlinkSync(`/proc/self/fd/${descriptor}`);
    const pod = this.pods.get(key) ?? new Map();
    this.pods.set(key, pod);
    return pod;
  }

  async #batch(command: Command): Promise<Output> {
    const place = command.program === 'ip' ? this.host : this.#pod(command.descriptor);
    const [stdout, stderr]: [string[], string[]] = [[], []];
    for (const [index, line] of (command.input ?? '').split('\n').entries()) {
      const answer = line === '' ? undefined : this.#line(line.split(' '), place, command);
      if (typeof answer === 'string') stderr.push(answer, `Command failed -:${index + 1}`);
      else if (answer) stdout.push(JSON.stringify(answer));
      if (stderr.length > 0 && !command.args.includes('-force')) break;
    }
    const output = { stdout: stdout.join('\n'), stderr: stderr.join('\n') };
    return reply(command, stderr.length > 0 ? { ...output, outcome: { kind: 'failed', status: 1 } } : output);
  }

  #line(words: readonly string[], place: Namespace, command: Command): LineAnswer {
    const [object, verb] = words;
    if (object === 'link' && verb === 'add') return this.#addPair(words, place, command);
    if (verb === 'replace' && words.includes('unreachable')) return undefined;
    if (words.includes('type')) return [...place].map(([name, link]) => described(name, link));
    const name = after(words, 'dev');
    const link = place.get(name);
    if (name === 'lo') return undefined;
    if (!link) return verb === 'show' ? `Device "${name}" does not exist.` : `Cannot find device "${name}"`;
    return verb === 'show' ? show(object ?? '', name, link) : this.#change(words, name, link, place);
  }

  #addPair(words: readonly string[], place: Namespace, { descriptor }: Command): LineAnswer {
    const peerWords = words.slice(words.indexOf('peer'));
    const [name, peerName] = [after(words, 'name'), after(peerWords, 'name')];
    const pod = this.#pod(descriptor);
    if (place.has(name) || pod.has(peerName)) return 'RTNETLINK answers: File exists';
    const blank = () => ({ up: false, addresses: [], routes: [], neighbours: [] });
    place.set(name, { mac: after(words, 'address'), peer: [pod, peerName], ...blank() });
    pod.set(peerName, { mac: after(peerWords, 'address'), peer: [place, name], ...blank() });
    return undefined;
  }

  #change(words: readonly string[], name: string, link: Link, place: Namespace): LineAnswer {
    const [object, verb, subject = ''] = words;
    if (object === 'link' && verb === 'delete') {
      const [elsewhere, peer] = link.peer;
      place.delete(name);
      elsewhere.delete(peer);
    }
    if (object === 'link' && words.at(-1) === 'up') link.up = true;
    if (object === 'address') link.addresses.push(subject.split('/')[0] ?? '');
    if (object === 'neighbour') link.neighbours.push({ dst: subject, lladdr: after(words, 'lladdr') });
    if (object === 'route') {
      const gateway = words.includes('via') ? { gateway: after(words, 'via') } : {};
      link.routes.push({ dst: inKernelWords(subject), ...gateway });
    }
    return undefined;
  }
}

function show(object: string, name: string, link: Link): readonly object[] {
  if (object === 'route') return link.routes.map((route) => ({ ...route, dev: name }));
  if (object === 'neighbour')
    return link.neighbours.map((one) => ({ ...one, dev: name, state: ['PERMANENT'] }));
  return [described(name, link)];
}
