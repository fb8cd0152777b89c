import { reason } from '../../conf/failure.ts';

type Step = () => void | Promise<void>;

/** What a request did so far and must be undone if it fails: the one place for it. */
export class Undo {
  readonly #steps: { readonly what: string; readonly step: Step }[] = [];

  /** @param what names the step, for the report should it fail. */
  push(what: string, step: Step): void {
    this.#steps.push({ what, step });
  }

  /**
   * Undoes everything, last things first, up to a step that fails. What came before that may be in use yet: as long
   * as a link could not be removed, nobody else may have its address. DEL, and GC, know of both.
   *
   * @returns what went wrong, if anything did.
   */
  async run(): Promise<string | undefined> {
    for (const { what, step } of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        return `could not undo: ${what}: ${reason(error)}`;
      }
    }
    return undefined;
  }
}
