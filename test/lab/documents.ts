import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** A block of commands in a document of docs/. */
export interface CommandBlock {
  readonly document: string;
  readonly text: string;
  /** What stands below it as its answer, if anything does. */
  readonly answer: string | undefined;
  /** Whether it can be run on one node, without a cluster or a release. */
  readonly isLocal: boolean;
}

/** How a block begins that needs more than one node, for readers and for tests. */
const marks = ['# In a cluster\n', '# With a release\n'];

/** The blocks of a shell's commands in a document, in their order. */
export async function commandBlocks(document: string): Promise<CommandBlock[]> {
  const content = await readFile(join(root, 'docs', document), 'utf8');
  const blocks = content.matchAll(/^```sh\n([\s\S]*?)^```$(?:\n\n```text\n([\s\S]*?)^```$)?/gm);
  return [...blocks].map(([, text = '', answer]) => ({
    document,
    text,
    answer,
    isLocal: !marks.some((mark) => text.startsWith(mark)),
  }));
}

/** All that a document has a reader type on one node, as one script. */
export async function localScript(document: string): Promise<string> {
  const blocks = await commandBlocks(document);
  const local = blocks.filter(({ isLocal }) => isLocal).map(({ text }) => text);
  return `set -euo pipefail\nset -x\n${local.join('\n')}`;
}
