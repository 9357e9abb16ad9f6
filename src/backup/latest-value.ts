/** Hands values from one task to another; what was not taken in time is replaced by the next one. */
export class LatestValue<Value> {
  #value: { readonly value: Value } | undefined;
  #wake: (() => void) | undefined;

  publish(value: Value): void {
    this.#value = { value };
    this.#wake?.();
  }

  /** The newest value that was not taken yet; waits for one. Rejects with the signal's reason. */
  async next(signal: AbortSignal): Promise<Value> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#value) {
        const { value } = this.#value;
        this.#value = undefined;
        return value;
      }
      await this.#change(signal);
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
