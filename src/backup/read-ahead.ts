import type { RequestGate } from './request-gate.js';

/** Pulls from a source while nobody waits, up to a number of bytes. */
class ReadAhead<Item> {
  readonly #iterator: AsyncIterator<Item>;
  readonly #queue: Item[] = [];
  readonly #options: ReadAheadOptions<Item>;
  #bytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};
  readonly #pumping: Promise<void>;

  constructor(source: AsyncIterable<Item>, options: ReadAheadOptions<Item>, onFirst: (ms: number) => void) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#options = options;
    this.#pumping = this.#pump(onFirst);
  }

  /** The next item, or undefined behind the last. */
  async next(): Promise<Item | undefined> {
    for (;;) {
      const item = this.#queue.shift();
      if (item !== undefined) {
        this.#bytes -= this.#options.sizeOf(item);
        this.#wake();
        return item;
      }
      if (this.#failure) throw this.#failure.error;
      if (this.#ended) return undefined;
      await this.#change();
    }
  }

  /** Gives the source back; what was read is dropped. */
  async stop(): Promise<void> {
    this.#ended = true;
    this.#wake();
    await this.#pumping;
  }

  async #pump(onFirst: (ms: number) => void): Promise<void> {
    const startedAt = performance.now();
    let isFirst = true;
    try {
      while (!this.#ended) {
        const step = await this.#iterator.next();
        if (isFirst) onFirst(performance.now() - startedAt);
        isFirst = false;
        if (step.done) break;
        this.#queue.push(step.value);
        this.#bytes += this.#options.sizeOf(step.value);
        this.#wake();
        while (!this.#ended && this.#bytes >= this.#options.bytesMax) await this.#change();
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#ended = true;
    this.#wake();
    // A source that fails while it is given back has nothing more to say.
    await this.#iterator.return?.().catch(() => undefined);
  }

  /** Resolves at the next change of the queue; reader and pump never wait at the same time. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export interface ReadAheadOptions<Item> {
  readonly sizeOf: (item: Item) => number;
  /** Bytes that each source may be ahead, and one item more. */
  readonly bytesMax: number;
}

/**
 * All items of `count` sources in order, while those that come next are already being read. Leaving the
 * loop early ends all of them.
 */
export async function* sideBySide<Item>(
  count: number,
  open: (index: number, signal: AbortSignal) => AsyncIterable<Item>,
  gate: RequestGate,
  options: ReadAheadOptions<Item>,
): AsyncGenerator<Item> {
  const running: ReadAhead<Item>[] = [];
  const leaving = new AbortController();
  let opened = 0;
  const openMore = (): void => {
    while (opened < count && running.length < gate.limit) {
      running.push(new ReadAhead(open(opened++, leaving.signal), options, (ms) => gate.observe(ms)));
    }
  };
  try {
    for (openMore(); running[0] !== undefined; openMore()) {
      const [first] = running;
      for (let item = await first.next(); item !== undefined; item = await first.next()) yield item;
      running.shift();
      await first.stop();
    }
  } finally {
    // A source that waits for its next bytes would not hear of it otherwise.
    leaving.abort(new Error('no more items are wanted'));
    await Promise.all(running.map((source) => source.stop()));
  }
}
