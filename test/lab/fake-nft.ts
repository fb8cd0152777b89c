import type { Reply } from './expected-runs.ts';

interface Block {
  readonly header: readonly string[];
  readonly rules: readonly string[];
}

interface State {
  /** By kind and name: `chain guard`. */
  readonly blocks: Map<string, Block>;
  /** By set and key, with what it maps to. */
  readonly elements: Map<string, string>;
}

type Fault = 'File exists' | 'No such file or directory';

function isHeader(line: string): boolean {
  return /^(?:type|comment) /.test(line);
}

/**
 * Stands in for nft and its kernel, with one table: as far as the plugin writes it, whole transactions, and with the
 * two refusals that the plugin acts on.
 */
export class FakeNft {
  #state: State | undefined;

  /** All elements, by set and key. */
  get elements(): string[] {
    return [...(this.#state?.elements.keys() ?? [])];
  }

  /** What `nft flush ruleset` of somebody else does. */
  flush(): void {
    this.#state = undefined;
  }

  run(options: readonly string[], input: string): Reply {
    const transaction = new Transaction(this.#state, !options.some((one) => /^-t$|^--terse$/.test(one)));
    const lines = input.split('\n');
    for (let index = 0; index < lines.length; index++) {
      const fault = transaction.line(lines[index] ?? '');
      if (fault)
        transaction.complaints.push(`/dev/stdin:${index + 1}:1-2: Error: Could not process rule: ${fault}`);
    }
    if (transaction.complaints.length > 0) {
      return { stderr: `${transaction.complaints.join('\n')}\n`, outcome: { kind: 'failed', status: 1 } };
    }
    this.#state = transaction.state;
    return { stdout: transaction.output };
  }
}

/** One input of nft, line by line. */
class Transaction {
  state: State | undefined;
  output = '';
  readonly complaints: string[] = [];
  readonly #before: State | undefined;
  readonly #showsElements: boolean;
  /** The block that the lines are in. */
  #block: string | undefined;

  constructor(before: State | undefined, showsElements: boolean) {
    this.#before = before;
    this.#showsElements = showsElements;
    this.state = before && { blocks: new Map(before.blocks), elements: new Map(before.elements) };
  }

  line(line: string): Fault | undefined {
    if (line.startsWith('\t')) return this.#declare(line);
    const [, statement = '', rest = ''] = /^(\w+ \w+|table) ?(?:inet dualstack ?)?(.*)$/.exec(line) ?? [];
    if (statement === 'table' || statement === 'add table') this.#table();
    if (statement === 'delete table') this.state = undefined;
    if (statement.endsWith(' chain')) this.#chain(statement, `chain ${rest}`);
    if (statement === 'list table') return this.#list();
    return statement.endsWith(' element') ? this.#element(line) : undefined;
  }

  #table(): State {
    this.state ??= { blocks: new Map(), elements: new Map() };
    return this.state;
  }

  #declare(line: string): undefined {
    const { blocks } = this.#table();
    const [, opened] = /^\t(\w+ \S+) \{$/.exec(line) ?? [];
    if (opened) this.#block = opened;
    const name = this.#block ?? '';
    const { header, rules } = blocks.get(name) ?? { header: [], rules: [] };
    const text = line.startsWith('\t\t') ? line.slice(2) : '';
    const isNewHeader = isHeader(text) && !header.includes(text);
    const isRule = text !== '' && !isHeader(text);
    blocks.set(name, {
      header: isNewHeader ? [...header, text] : header,
      rules: isRule ? [...rules, text] : rules,
    });
  }

  #chain(statement: string, name: string): void {
    const { blocks } = this.#table();
    if (statement === 'delete chain') blocks.delete(name);
    else blocks.set(name, { header: blocks.get(name)?.header ?? [], rules: [] });
  }

  #element(line: string): Fault | undefined {
    for (const part of line.split('; ')) {
      const [, verb, set = '', content = ''] =
        /^(\w+) element inet dualstack (\S+) \{ (.*) \}$/.exec(part) ?? [];
      const [key = '', value = ''] = content.split(' : ');
      const { blocks, elements } = this.state ?? {};
      if (!elements || !(blocks?.has(`set ${set}`) || blocks?.has(`map ${set}`)))
        return 'No such file or directory';
      const present = elements.get(`${set} ${key}`);
      if (verb === 'add' && present !== undefined && present !== value) return 'File exists';
      if (verb === 'add') elements.set(`${set} ${key}`, value);
      if (verb === 'delete') elements.delete(`${set} ${key}`);
      if (verb === 'get' && present === undefined) return 'No such file or directory';
      if (verb === 'get')
        this.output += `\tmap ${set} {\n\t\ttype\n\t\telements = { ${key} : ${present} }\n\t}\n`;
    }
    return undefined;
  }

  /** As it was before the transaction; a table that is made in it has no rules yet. */
  #list(): Fault | undefined {
    const shown = this.#before ?? this.state;
    if (!shown) return 'No such file or directory';
    const blocks = [...shown.blocks].map(([name, { header, rules }]) => {
      const lines = [...header, ...(this.#before ? rules : []), ...this.#elementsOf(name, shown)];
      return `\t${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
    });
    this.output += `table inet dualstack {\n${blocks.join('\n')}}\n`;
    return undefined;
  }

  #elementsOf(block: string, { elements }: State): string[] {
    const own = `${block.split(' ')[1]} `;
    const entries = [...elements].filter(([name]) => name.startsWith(own));
    if (!this.#showsElements || entries.length === 0 || block.startsWith('chain')) return [];
    const list = entries.map(([name, value]) => `${name.slice(own.length)}${value && ` : ${value}`}`);
    return [`elements = { ${list.join(', ')} }`];
  }
}
