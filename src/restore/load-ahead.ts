import { setMaxListeners } from 'node:events';

export interface LoadAheadOptions<Loaded> {
  /** Bytes that a loaded item holds. */
  readonly sizeOf: (loaded: Loaded) => number;
  /** Bytes that may be loaded ahead of the receiver, judged by the largest item so far; one item always may. */
  readonly bytesMax: number;
  /** Items that are loaded side by side. */
  readonly countMax: number;
  /** Returns once there is room for so many bytes more; who is asked for an item does not wait for it. */
  readonly whenRoom?: ((bytes: number) => Promise<void>) | undefined;
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
  { sizeOf, bytesMax, countMax, whenRoom, signal }: LoadAheadOptions<Loaded>,
): AsyncGenerator<Loaded, void, undefined> {
  const leaving = new AbortController();
  const loadSignal = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal;
  // Every file that is being read listens.
  setMaxListeners(0, loadSignal);
  const source = items[Symbol.asyncIterator]();
  const pending: { readonly loading: Promise<Loaded>; readonly demand: () => void }[] = [];
  let limit = 1;
  let largest = 0;
  let isExhausted = false;
  const start = (begin: () => Promise<Loaded>): void => {
    let demand: () => void = () => undefined;
    const demanded = new Promise<void>((resolve) => {
      demand = resolve;
    });
    const begun = async (): Promise<Loaded> => {
      if (whenRoom && largest > 0) await Promise.race([whenRoom(largest), demanded]);
      loadSignal.throwIfAborted();
      return await begin();
    };
    const loading = begun();
    // It is awaited in its turn, or nobody wants it any more.
    loading.catch(() => undefined);
    pending.push({ loading, demand });
  };
  const fill = async (): Promise<void> => {
    while (!isExhausted && pending.length < limit) {
      try {
        const step = await source.next();
        if (step.done) isExhausted = true;
        else start(() => load(step.value, loadSignal));
      } catch (error) {
        isExhausted = true;
        start(() => Promise.reject(error));
      }
    }
  };
  try {
    for (;;) {
      await fill();
      const first = pending.shift();
      if (!first) return;
      first.demand();
      const loaded = await first.loading;
      largest = Math.max(largest, sizeOf(loaded), 1);
      limit = Math.max(1, Math.min(countMax, Math.floor(bytesMax / largest)));
      await fill();
      yield loaded;
    }
  } finally {
    leaving.abort(new Error('no more is wanted'));
    for (const { demand } of pending) demand();
    await Promise.allSettled(pending.map(({ loading }) => loading));
    await source.return?.();
  }
}
