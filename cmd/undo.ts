import { reason } from '../conf/failure.ts';

type Step = () => void | Promise<void>;

/** What a request did so far and must be undone if it fails: the one place for it. */
export class Undo {
  readonly #steps: { readonly what: string; readonly step: Step }[] = [];

  /** @param what names the step, for the report should it fail. */
  push(what: string, step: Step): void {
    this.#steps.push({ what, step });
  }

  /** Undoes everything, last things first. @returns a sentence for each step that failed; the others are done. */
  async run(): Promise<string[]> {
    const problems: string[] = [];
    for (const { what, step } of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        problems.push(`could not undo: ${what}: ${reason(error)}`);
      }
    }
    return problems;
  }
}
