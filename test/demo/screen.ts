import { styleText } from 'node:util';

type Format = 'bold' | 'dim' | 'green' | 'red';

const clearLine = '\r\x1b[2K';

/** `52 ms`, `1.3 s`. */
function elapsed(since: number): string {
  const milliseconds = performance.now() - since;
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * Lines for a person. On a terminal the line of what is going on is written over by how it ended, and there are
 * colours, unless NO_COLOR is set; elsewhere there are plain lines, each when it is complete.
 */
export class Screen {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  style(format: Format, text: string): string {
    return styleText(format, text, { stream: this.#stream });
  }

  say(line = ''): void {
    this.#stream.write(`${line}\n`);
  }

  /** Shows the line until another takes its place: only where lines can be written over. */
  pending(line: string): void {
    if (this.#stream.isTTY) this.#stream.write(clearLine + line);
  }

  /** The line that takes the place of a pending one. */
  settle(line: string): void {
    this.say(this.#stream.isTTY ? clearLine + line : line);
  }

  /** Works on something that is shown with its outcome and its time. */
  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    this.pending(`  … ${title}`);
    try {
      const result = await work();
      this.settle(
        `  ${this.tick(true)} ${title.padEnd(64)} ${this.style('dim', elapsed(start).padStart(8))}`,
      );
      return result;
    } catch (error) {
      this.settle(`  ${this.tick(false)} ${title}`);
      throw error;
    }
  }

  tick(isGood: boolean): string {
    return isGood ? this.style('green', '✔') : this.style('red', '✘');
  }
}
