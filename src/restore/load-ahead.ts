import { setMaxListeners } from 'node:events';

export interface LoadAheadOptions<Loaded> {
  /** Bytes that a loaded item holds. */
  readonly sizeOf: (loaded: Loaded) => number;
  /** Bytes that may be loaded ahead of the receiver, judged by the largest item so far; one item always may. */
  readonly bytesMax: number;
  /** Items that are loaded side by side. */
  readonly countMax: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads items in order while the receiver works on those before: with items of a size near the maximum, one
 * is ahead; of small ones many are. A failure is told in its turn, after everything before it was received.
 * Leaving the loop ends what is still loading.
 */
export async function* loadAhead<Item, Loaded>(
  items: AsyncIterable<Item>,
  load: (item: Item, signal: AbortSignal) => Promise<Loaded>,
  { sizeOf, bytesMax, countMax, signal }: LoadAheadOptions<Loaded>,
): AsyncGenerator<Loaded, void, undefined> {
  const leaving = new AbortController();
  const loadSignal = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal;
  // Every file that is being read listens.
  setMaxListeners(0, loadSignal);
  const source = items[Symbol.asyncIterator]();
  const pending: Promise<Loaded>[] = [];
  let limit = 1;
  let largest = 0;
  let isExhausted = false;
  const start = (loading: Promise<Loaded>): void => {
    // It is awaited in its turn, or nobody wants it any more.
    loading.catch(() => undefined);
    pending.push(loading);
  };
  const fill = async (): Promise<void> => {
    while (!isExhausted && pending.length < limit) {
      try {
        const step = await source.next();
        if (step.done) isExhausted = true;
        else start(load(step.value, loadSignal));
      } catch (error) {
        isExhausted = true;
        start(Promise.reject(error));
      }
    }
  };
  try {
    for (;;) {
      await fill();
      const first = pending.shift();
      if (!first) return;
      const loaded = await first;
      largest = Math.max(largest, sizeOf(loaded), 1);
      limit = Math.max(1, Math.min(countMax, Math.floor(bytesMax / largest)));
      await fill();
      yield loaded;
    }
  } finally {
    leaving.abort(new Error('no more is wanted'));
    await Promise.allSettled(pending);
    await source.return?.();
  }
}
