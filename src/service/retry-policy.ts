import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '../errors/holdfast-error.js';

export interface RetryOptions {
  /** Tries in a row without any progress, the first one included. Default 5. */
  readonly attemptsMax?: number;
  /** Milliseconds that the first pause takes at most; it doubles with each try. Default 250. */
  readonly firstPauseMs?: number;
  /** Milliseconds that any pause takes at most. Default 10,000. */
  readonly pauseMsMax?: number;
  /** From 0 up to 1; for tests. */
  readonly random?: () => number;
}

/** Counts the failures in a row of one operation and decides about another try. */
export class RetryPolicy {
  readonly #attemptsMax: number;
  readonly #firstPauseMs: number;
  readonly #pauseMsMax: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: RetryOptions = {}) {
    this.#attemptsMax = options.attemptsMax ?? 5;
    this.#firstPauseMs = options.firstPauseMs ?? 250;
    this.#pauseMsMax = options.pauseMsMax ?? 10_000;
    this.#random = options.random ?? Math.random;
  }

  /** Something was achieved: counting begins anew. */
  progress(): void {
    this.#failures = 0;
  }

  /**
   * Waits until the operation may be tried again. The pause is anything up to its limit, so that many
   * clients do not come back at the same moment.
   * @throws the error itself when it is not retryable, or was the last that is put up with
   */
  async afterFailure(error: unknown, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!(error instanceof HoldfastError) || !error.retryable) throw error;
    if (++this.#failures >= this.#attemptsMax) throw error;
    const limit = Math.min(this.#pauseMsMax, this.#firstPauseMs * 2 ** (this.#failures - 1));
    try {
      await delay(this.#random() * limit, undefined, signal ? { signal } : {});
    } catch (aborted) {
      signal?.throwIfAborted();
      throw aborted;
    }
  }
}
