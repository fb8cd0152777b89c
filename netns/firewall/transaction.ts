import { type Element, formatElement } from './elements.ts';
import { type Block, tableName } from './table.ts';

/** One line of `nft -f -`. A complaint names lines, so whoever reads one finds the operation again. */
export interface Operation {
  readonly line: string;
  /** What it adds or deletes, when that is an element. */
  readonly element?: Element;
}

/** Operations that nft carries out as one: all of them, or none. */
export type Transaction = readonly Operation[];

/** The program for `nft -f -`. */
export function formatTransaction(transaction: Transaction): string {
  return transaction.map(({ line }) => `${line}\n`).join('');
}

/** Refused unless the chain is there, and changes nothing of one that holds no rules. */
export function requireChain(name: string): Operation {
  return { line: `flush chain ${tableName} ${name}` };
}

/** Adding what is there already is no error, unless it maps to something else. */
export function addElement(element: Element): Operation {
  return { line: `add element ${tableName} ${element.set} { ${formatElement(element)} }`, element };
}

/** Whether the element is there or not; one that maps to something else is an error. */
export function deleteElement(element: Element): Operation {
  return { line: `${addElement(element).line}; ${deleting(element)}`, element };
}

/** Has an element that is there map to what it should. */
export function replaceElement(element: Element): Operation {
  return { line: `${deleting(element)}; ${addElement(element).line}`, element };
}

function deleting({ set, key }: Element): string {
  return `delete element ${tableName} ${set} { ${formatElement({ set, key })} }`;
}

/** Begins a table, where there is none. */
export const addTable: Operation = { line: `add table ${tableName}` };

/** Takes the table away, with all in it, whether it is there or not. */
export const deleteTable: Transaction = [addTable, { line: `delete table ${tableName}` }];

/** Brings blocks to what they should be, and leaves the elements of sets alone. Chains come before rules that jump. */
export function declare(blocks: readonly Block[]): Operation[] {
  const chains = blocks.filter(({ kind }) => kind === 'chain');
  return [
    ...blocks.map(({ kind, name, header }) => ({ line: `add ${kind} ${tableName} ${name} { ${header} }` })),
    ...chains.map(({ name }) => ({ line: `flush chain ${tableName} ${name}` })),
    ...chains.flatMap(({ name, rules }) =>
      rules.map((rule) => ({ line: `add rule ${tableName} ${name} ${rule}` })),
    ),
  ];
}

/** Removes a chain that nothing jumps to. */
export function deleteChain(name: string): Transaction {
  return ['flush', 'delete'].map((verb) => ({ line: `${verb} chain ${tableName} ${name}` }));
}
