import type RocksDB from 'rocksdb-native';
import type { RawRow } from './key-value-store.js';

// An iterator of the library is a stream, which costs more than the rows that go through it. Here the
// steps that the stream would take are taken one by one: open, read and close, never two at a time, each
// on the thread pool.

type RowIterator = ReturnType<RocksDB['iterator']>;
type Done = (error: Error | null) => void;

const NO_BYTES = new Uint8Array(0);

/** Bounds and options of an iterator, as the library takes them. */
export type NativeIteratorOptions = Parameters<RocksDB['iterator']>[0] & { readonly capacity: number };

/** Lets an iterator keep each portion of rows as it comes, instead of pushing them into its stream. */
function receiveRows(iterator: RowIterator, keysOnly: boolean, receive: (rows: RawRow[]) => void): void {
  iterator._onread = (error, keys, values) => {
    const done = iterator._pendingRead;
    iterator._pendingRead = null;
    iterator._db._state.io.dec();
    if (!error) {
      const rows: RawRow[] = new Array(keys.length);
      for (let index = 0; index < keys.length; index++) {
        const key = new Uint8Array(keys[index] ?? NO_BYTES);
        rows[index] = { key, value: keysOnly ? NO_BYTES : new Uint8Array(values[index] ?? NO_BYTES) };
      }
      iterator._limit -= rows.length;
      receive(rows);
    }
    done?.(error ?? null);
  };
}

/** The rows of one iterator in portions, the next of which is fetched while one is worked on. */
export class RowFetcher {
  readonly #iterator: RowIterator;
  readonly #capacity: number;
  #limit: number;
  #rows: RawRow[] = [];
  /** Resolves once what was begun last has ended; rejects where that failed. */
  #pending: Promise<void>;
  #isDone = false;

  constructor(session: RocksDB, { limit = Number.POSITIVE_INFINITY, ...options }: NativeIteratorOptions) {
    this.#capacity = options.capacity;
    this.#limit = limit;
    this.#iterator = session.iterator({ ...options, limit });
    receiveRows(this.#iterator, options.values === false, (rows) => {
      this.#rows = rows;
    });
    this.#pending = this.#heard(this.#begin());
  }

  /** The next rows, one at least; undefined behind the last. */
  async next(): Promise<RawRow[] | undefined> {
    if (this.#isDone) return undefined;
    await this.#pending;
    const rows = this.#rows;
    const wanted = Math.min(this.#capacity, this.#limit);
    this.#limit -= rows.length;
    this.#isDone = rows.length < wanted || this.#limit <= 0;
    if (!this.#isDone) this.#pending = this.#heard(this.#read());
    return rows.length > 0 ? rows : undefined;
  }

  /** Frees what the iterator holds. To be called once. */
  async close(): Promise<void> {
    this.#isDone = true;
    await this.#pending.catch(() => {});
    await this.#step((done) => this.#iterator._destroy(done));
  }

  async #begin(): Promise<void> {
    await this.#step((done) => this.#iterator._open(done));
    await this.#read();
  }

  #read(): Promise<void> {
    return this.#step((done) => this.#iterator._read(done));
  }

  #step(begin: (done: Done) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      begin((error) => (error ? reject(error) : resolve()));
    });
  }

  /** A failure is for who asks for the rows; nobody may. */
  #heard(step: Promise<void>): Promise<void> {
    step.catch(() => {});
    return step;
  }
}

/**
 * The first row at or behind each key, `atOnce` of them being looked for at a time. Rejects once none is
 * being looked for any more.
 */
export function seekRows(
  session: RocksDB,
  keys: readonly Uint8Array[],
  atOnce: number,
): Promise<(RawRow | undefined)[]> {
  const found: (RawRow | undefined)[] = new Array(keys.length).fill(undefined);
  return new Promise((resolve, reject) => {
    let next = 0;
    let running = 0;
    let failure: unknown;
    // A promise for each key costs as much as all the rest on this thread.
    const seekNext = (): void => {
      const index = next++;
      running++;
      const iterator = session.iterator({ gte: keys[index] ?? NO_BYTES, limit: 1, capacity: 1 });
      receiveRows(iterator, false, ([row]) => {
        found[index] = row;
      });
      const close = (failed: Error | null): void => {
        failure ??= failed ?? undefined;
        iterator._destroy(ended);
      };
      iterator._open((failed) => (failed ? close(failed) : iterator._read(close)));
    };
    const ended = (failed: Error | null): void => {
      failure ??= failed ?? undefined;
      running--;
      proceed();
    };
    const proceed = (): void => {
      try {
        while (failure === undefined && next < keys.length && running < atOnce) seekNext();
      } catch (error) {
        // The iterator was not made: the session is closed.
        running--;
        failure = error;
      }
      if (running > 0) return;
      if (failure === undefined) resolve(found);
      else reject(failure);
    };
    proceed();
  });
}
