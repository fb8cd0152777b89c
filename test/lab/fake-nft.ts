import type { Reply } from './expected-runs.ts';

interface Block {
  readonly kind: string;
  readonly header: string;
  readonly rules: string[];
}

interface State {
  readonly blocks: Map<string, Block>;
  /** By set and key, with what it maps to. */
  readonly elements: Map<string, string>;
}

type Fault = 'File exists' | 'No such file or directory' | 'Device or resource busy';

/** `vethds01 . 10.0.0.2 : jump egress_4f`, without quotes, as libnftables-json(5) writes it. */
function fieldsOf(text: string): unknown {
  const fields = text.split(' . ').map((field) => field.replaceAll('"', ''));
  return fields.length === 1 ? fields[0] : { concat: fields };
}

function targetOf(text: string): unknown {
  const [, target] = /^jump (\S+)$/.exec(text) ?? [];
  return target ? { jump: { target } } : fieldsOf(text);
}

/**
 * Stands in for nft and its kernel, with one table: as far as the plugin writes it, whole transactions, and with the
 * refusals that the plugin acts on.
 */
export class FakeNft {
  #state: State | undefined;

  /** The elements of pods, by set and key: the node's uplinks stay when pods go. */
  get elements(): string[] {
    return [...(this.#state?.elements.keys() ?? [])].filter((name) => !/^uplinks\s/.test(name));
  }

  /** What `nft flush ruleset` of somebody else does. */
  flush(): void {
    this.#state = undefined;
  }

  run(options: readonly string[], input: string): Reply {
    if (options.includes('list')) return this.#list();
    const transaction = new Transaction(this.#state);
    const faults = input.split('\n').flatMap((line, index) => {
      const fault = line
        .split(/; (?=add |delete )/)
        .map((each) => transaction.carryOut(each))
        .find(Boolean);
      return fault ? [`/dev/stdin:${index + 1}:1-2: Error: Could not process rule: ${fault}`] : [];
    });
    if (faults.length > 0) return refused(faults.join('\n'));
    if (options.includes('--echo')) return { stdout: listingOf(transaction.state) };
    this.#state = transaction.state;
    return { stdout: '' };
  }

  #list(): Reply {
    return this.#state ? { stdout: listingOf(this.#state) } : refused('Error: No such file or directory');
  }
}

function refused(stderr: string): Reply {
  return { stderr: `${stderr}\n`, outcome: { kind: 'failed', status: 1 } };
}

function listingOf(state: State | undefined): string {
  const objects = [...(state?.blocks ?? [])].flatMap(([name, { kind, header, rules }]) => {
    const elem = [...(state?.elements ?? [])].flatMap(([element, value]) => {
      const [set = '', key = ''] = element.split('\t');
      if (set !== name) return [];
      return [kind === 'map' ? [fieldsOf(key), targetOf(value)] : fieldsOf(key)];
    });
    const object = { [kind]: { name, header, ...(elem.length > 0 && { elem }) } };
    return [object, ...rules.map((expr) => ({ rule: { chain: name, expr } }))];
  });
  return JSON.stringify({ nftables: [{ metainfo: {} }, { table: { name: 'dualstack' } }, ...objects] });
}

/** One input of nft, command by command. */
class Transaction {
  state: State | undefined;

  constructor(before: State | undefined) {
    this.state = before && {
      blocks: new Map(
        [...before.blocks].map(([name, block]) => [name, { ...block, rules: [...block.rules] }]),
      ),
      elements: new Map(before.elements),
    };
  }

  /** @returns what is wrong with it. */
  carryOut(command: string): Fault | undefined {
    if (command.trim() === '') return undefined;
    const [, verb = '', kind = '', name = '', rest = ''] =
      /^(\w+) (\w+) inet dualstack ?(\S*) ?(.*)$/.exec(command) ?? [];
    if (kind === 'table') return this.#table(verb);
    if (!this.state) return 'No such file or directory';
    if (kind === 'element') return this.#element(verb, name, rest.replace(/^\{ | \}$/g, ''));
    if (kind === 'rule') return this.#rule(name, rest);
    return this.#block(verb, kind, name, rest);
  }

  #table(verb: string): undefined {
    if (verb === 'delete') this.state = undefined;
    else this.state ??= { blocks: new Map(), elements: new Map() };
  }

  #block(verb: string, kind: string, name: string, header: string): Fault | undefined {
    const { blocks, elements } = this.state as State;
    const block = blocks.get(name);
    if (verb === 'add') {
      if (block && block.header !== header) return 'File exists';
      if (!block) blocks.set(name, { kind, header, rules: [] });
      return undefined;
    }
    if (!block) return 'No such file or directory';
    if (verb === 'flush') block.rules.length = 0;
    else if ([...elements.values()].includes(`jump ${name}`)) return 'Device or resource busy';
    else blocks.delete(name);
    return undefined;
  }

  #rule(chain: string, rule: string): Fault | undefined {
    const block = this.state?.blocks.get(chain);
    block?.rules.push(rule);
    return block ? undefined : 'No such file or directory';
  }

  #element(verb: string, set: string, text: string): Fault | undefined {
    const { blocks, elements } = this.state as State;
    const [key = '', value = ''] = text.split(' : ');
    const name = `${set}\t${key}`;
    const [, target] = /^jump (\S+)$/.exec(value) ?? [];
    if (!blocks.has(set) || (target && !blocks.has(target))) return 'No such file or directory';
    const found = elements.get(name);
    if (verb === 'delete') return elements.delete(name) ? undefined : 'No such file or directory';
    if (found !== undefined && found !== value) return 'File exists';
    elements.set(name, value);
    return undefined;
  }
}
