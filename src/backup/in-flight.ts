/** Runs a few tasks at a time. The first failure is told once, at once, and kept for `drain`. */
export class InFlight {
  readonly #max: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(max: number, onFailure: (error: unknown) => void) {
    this.#max = max;
    this.#onFailure = onFailure;
  }

  /** Waits until there is room, then starts the task. */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#max) await Promise.race(this.#running);
    const run: Promise<void> = task()
      .catch((error: unknown) => {
        if (this.#failure) return;
        this.#failure = { error };
        this.#onFailure(error);
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Waits for all; never rejects. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Waits for all, and throws the first failure. */
  async drain(): Promise<void> {
    await this.settle();
    if (this.#failure) throw this.#failure.error;
  }
}
