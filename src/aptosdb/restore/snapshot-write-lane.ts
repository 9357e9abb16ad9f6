import type { KeyValueStore } from '../driver/key-value-store.js';
import { PackedRows } from './snapshot-rows.js';

/**
 * Rows of one column family on their way to its shards: while one buffer is being written, the next one is
 * filled. Bounds memory at two buffers.
 */
export class SnapshotWriteLane {
  readonly #columnFamily: string;
  readonly #storeOf: (shard: number) => KeyValueStore;
  #filling = new PackedRows();
  #spare = new PackedRows();
  #writing: Promise<unknown> = Promise.resolve();
  readonly #touched = new Set<KeyValueStore>();

  constructor(columnFamily: string, storeOf: (shard: number) => KeyValueStore) {
    this.#columnFamily = columnFamily;
    this.#storeOf = storeOf;
  }

  /** To be filled; empty after each `submit`. */
  get rows(): PackedRows {
    return this.#filling;
  }

  /**
   * Hands the rows over once those before are written: returns when the next buffer may be filled.
   * @throws DatabaseError DB_WRITE_FAILED, also of the rows before
   */
  async submit(): Promise<void> {
    const rows = this.#filling;
    const writes = rows.batches(this.#columnFamily).flatMap((batch, shard) => {
      if (batch === undefined) return [];
      const store = this.#storeOf(shard);
      this.#touched.add(store);
      return [() => store.write(batch)];
    });
    await this.#writing;
    this.#filling = this.#spare;
    this.#filling.clear();
    this.#spare = rows;
    this.#writing = Promise.all(writes.map((write) => write()));
    // It is heard at the next call; until then nobody awaits it.
    this.#writing.catch(() => undefined);
  }

  /** Returns once all that was submitted survives a power cut. */
  async barrier(): Promise<void> {
    await this.#writing;
    const touched = [...this.#touched];
    await Promise.all(touched.map((store) => store.barrier()));
    this.#touched.clear();
  }
}
