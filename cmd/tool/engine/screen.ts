import { printable } from '../../../conf/printable.ts';

/*
 * What is shown comes from files, requests and other processes: whatever makes a line or a record of it here cleans it.
 */

/** What the output goes to. */
export interface Screen {
  /** Tables and colours are for people: without a terminal, records of one line are what scripts want. */
  readonly isTerminal: boolean;
  readonly hasColours: boolean;
  /** Width in columns: a letter takes one, one of East Asia two, an accent none. */
  readonly columns: number;
}

/** Select graphic rendition (ECMA-48, 8.3.117). */
const renditions = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33' } as const;
export type Rendition = keyof typeof renditions;

export function paint(screen: Screen, rendition: Rendition, text: string): string {
  return screen.hasColours ? `\x1b[${renditions[rendition]}m${text}\x1b[0m` : text;
}

/** Combining characters, joiners and the like; vowels and finals of Hangul, which join the letter before them. */
const withoutWidth = /^[\p{Mn}\p{Me}\p{Cf}\u{1160}-\u{11ff}\u{d7b0}-\u{d7ff}]$/u;

/** Of two columns (Unicode, UAX #11, "wide" and "fullwidth"). */
const wide =
  /^[\p{Emoji_Presentation}\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{a4cf}\u{a960}-\u{a97c}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe10}-\u{fe19}\u{fe30}-\u{fe6b}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]$/u;

function columnsOf(character: string): number {
  if (withoutWidth.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

/** How many columns a terminal takes for a text. */
export function widthOf(text: string): number {
  return [...text].reduce((sum, character) => sum + columnsOf(character), 0);
}

/** The longest beginning of a text that takes at most `width` columns. */
export function fits(text: string, width: number): string {
  let [left, length] = [width, 0];
  for (const character of text) {
    left -= columnsOf(character);
    if (left < 0) break;
    length += character.length;
  }
  return text.slice(0, length);
}

/** With spaces behind it, up to `width` columns. */
function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Pieces of at most `width` columns, broken where names and paths have a joint, if there is one. */
function chunksOf(word: string, width: number): string[] {
  if (widthOf(word) <= width) return [word];
  const most = fits(word, width);
  const joint = Math.max(...['-', '/', ',', '.'].map((sign) => most.lastIndexOf(sign)));
  const length = joint >= most.length / 2 ? joint + 1 : Math.max(1, most.length);
  return [word.slice(0, length), ...chunksOf(word.slice(length), width)];
}

/** The words of a command line as a shell takes it apart: a space between quotes is no end of one. */
function shellWords(line: string): string[] {
  return line.match(/(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])+/g) ?? [];
}

/** A command line on as many lines as it takes, each but the last with the backslash that a shell goes on after. */
export function commandLines(screen: Screen, lead: string, command: string): string {
  if (widthOf(lead + command) <= screen.columns) return lead + command;
  const further = `${' '.repeat(widthOf(lead))}  `;
  const lines: string[] = [];
  let line = lead;
  for (const word of shellWords(command)) {
    const isFirst = line === lead || line === further;
    const longer = isFirst ? line + word : `${line} ${word}`;
    if (widthOf(longer) + 2 > screen.columns && !isFirst) {
      lines.push(`${line} \\`);
      line = further + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

/** Lines of at most `width` columns, broken between words, or within one that is longer. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const piece of text.split(' ').flatMap((word) => chunksOf(word, width))) {
    const longer = line === '' ? piece : `${line} ${piece}`;
    if (widthOf(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = piece;
    }
  }
  return [...lines, line];
}

/** A paragraph whose further lines stand under its first, or `deeper` columns to the right of that. */
export function hanging(screen: Screen, lead: string, text: string, deeper = 0): string {
  const indent = ' '.repeat(widthOf(lead) + deeper);
  const lines = wrap(printable(text), Math.max(20, screen.columns - indent.length));
  return lines.map((line, index) => (index === 0 ? printable(lead) : indent) + line).join('\n');
}

/** A cell is one or more lines. */
export type Cell = readonly string[];

const gap = '  ';

function widest(cells: readonly (Cell | undefined)[]): number {
  return Math.max(0, ...cells.flatMap((cell) => (cell ?? []).map(widthOf)));
}

/** The first column, which names things, gives way when all do not fit: its lines are wrapped. */
function widthsOf(rows: readonly (readonly Cell[])[], columns: number): number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) => widest(rows.map((row) => row[column])));
  const others = widths.slice(1).reduce((sum, width) => sum + width + gap.length, 0);
  return widths.map((width, column) =>
    column === 0 ? Math.min(width, Math.max(12, columns - others)) : width,
  );
}

function linesOf(row: readonly Cell[], widths: readonly number[]): string[] {
  const cells = row.map((cell, column) =>
    column === 0 ? cell.flatMap((line) => chunksOf(line, widths[0] ?? 1)) : cell,
  );
  const height = Math.max(...cells.map((cell) => cell.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((cell, column) => padded(cell[line] ?? '', widths[column] ?? 0))
      .join(gap)
      .trimEnd(),
  );
}

/** Lines of a table, its header first. A row may be of several lines, which keeps IPv6 within 80 columns. */
export function table(
  screen: Screen,
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
): string[][] {
  const shown = [header.map((title) => [title]), ...rows].map((row) =>
    row.map((cell) => cell.map(printable)),
  );
  const widths = widthsOf(shown, screen.columns);
  const [titles = [], ...others] = shown.map((row) => linesOf(row, widths));
  return [titles.map((line) => paint(screen, 'bold', line)), ...others];
}

/** One line for scripts: fields with a tab between them. */
export function record(fields: readonly string[]): string {
  return fields.map(printable).join('\t');
}

/** `[####................]`: in ASCII, for the console of a machine that is in trouble. */
export function bar(part: number, length = 20): string {
  const filled = Math.min(length, Math.max(part > 0 ? 1 : 0, Math.floor(part * length)));
  return `[${'#'.repeat(filled)}${'.'.repeat(length - filled)}]`;
}

/** A container ID as runtimes abbreviate it; other names are shorter. */
export function shortName(name: string): string {
  return name.length > 13 ? `${name.slice(0, 12)}…` : name;
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** `3d`, `12m`: the largest unit alone says enough. */
export function duration(seconds: number): string {
  const [unit, length] = units.find(([, size]) => seconds >= size) ?? ['s', 1];
  return `${Math.max(0, Math.floor(seconds / length))}${unit}`;
}

/** `253`, or `1.8e19` for what nobody counts. */
export function count(value: bigint): string {
  return value < 10_000_000n ? `${value}` : Number(value).toExponential(1).replace('e+', 'e');
}
