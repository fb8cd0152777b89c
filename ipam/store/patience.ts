/** A pause of random length, from `least` milliseconds to twice that, so that calls that met do not meet again. */
export function pause(least: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, least * (1 + Math.random())));
}

/** How long a call waits for others. There is no notification, so it checks again after each pause. */
export class Patience {
  readonly #end: number;

  constructor(milliseconds: number) {
    this.#end = performance.now() + milliseconds;
  }

  get isOver(): boolean {
    return performance.now() > this.#end;
  }
}
