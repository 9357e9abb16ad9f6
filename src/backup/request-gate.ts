/** Milliseconds to the first bytes of an answer above which a node always counts as slow. */
const SLOW_MS = 2000;
/** Below this no answer is slow, however fast others were. */
const FAST_MS = 250;
/** An answer that takes so many times as long as the fastest one is slow. */
const SLOW_FACTOR = 10;

/**
 * How many requests are made side by side: half as many after each slow answer, one more after a round of
 * fast ones, never more than wanted.
 */
export class RequestGate {
  readonly #max: number;
  #limit: number;
  #fastInARow = 0;
  #fastestMs = Number.POSITIVE_INFINITY;

  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  get limit(): number {
    return this.#limit;
  }

  /** An answer began to arrive after so many ms. */
  observe(firstBytesMs: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, firstBytesMs);
    const isSlow =
      firstBytesMs > SLOW_MS || (firstBytesMs > FAST_MS && firstBytesMs > this.#fastestMs * SLOW_FACTOR);
    if (isSlow) {
      this.#limit = Math.max(1, Math.floor(this.#limit / 2));
      this.#fastInARow = 0;
    } else if (++this.#fastInARow >= this.#limit) {
      this.#limit = Math.min(this.#max, this.#limit + 1);
      this.#fastInARow = 0;
    }
  }
}
