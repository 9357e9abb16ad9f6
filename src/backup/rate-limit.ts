import { setTimeout as delay } from 'node:timers/promises';

/** Spreads bytes over time, so that a node is not asked for more than it should give. */
export class RateLimit {
  readonly #bytesPerSecond: number | undefined;
  readonly #now: () => number;
  #freeAt = 0;

  /** @param bytesPerSecond undefined for no limit */
  constructor(bytesPerSecond: number | undefined, now: () => number = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
  }

  /**
   * To be called for bytes that have come: waits until the next ones may. Whoever waits does not read, and
   * a connection that nobody reads slows its sender down.
   */
  async spend(bytes: number, signal?: AbortSignal): Promise<void> {
    const pause = this.pauseMs(bytes);
    if (pause <= 0) return;
    await delay(pause, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }

  /** How long to wait after these bytes, in ms. */
  pauseMs(bytes: number): number {
    if (this.#bytesPerSecond === undefined) return 0;
    const now = this.#now();
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / this.#bytesPerSecond) * 1000;
    return this.#freeAt - now;
  }
}
