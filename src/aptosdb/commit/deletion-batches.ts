import type { KeyValueStore } from '../driver/key-value-store.js';
import { WriteBatch } from '../driver/write-batch.js';
import type { ColumnFamily } from '../schema/column-family.js';
import { iterateKeys } from '../schema/rows.js';

/** What is collected before it is written. */
const BATCH_BYTES = 4 << 20;
/** Behind every key. */
const LAST_KEY = new Uint8Array(128).fill(0xff);

/** Deletes many rows of one instance with bounded memory. */
export class DeletionBatches {
  readonly store: KeyValueStore;
  #batch = new WriteBatch();

  constructor(store: KeyValueStore) {
    this.store = store;
  }

  /** Rows that `fill` names together are deleted together. */
  async add(fill: (batch: WriteBatch) => void): Promise<void> {
    fill(this.#batch);
    if (this.#batch.byteSize >= BATCH_BYTES) await this.finish();
  }

  /** Deletes this row and all behind it. Where there is none, nothing is written. */
  async deleteFrom<K>(family: ColumnFamily<K, unknown>, first: K): Promise<void> {
    for await (const _ of iterateKeys(this.store, family, { gte: first }, { limit: 1 })) {
      this.#batch.deleteRange(family.name, family.key.encode(first), LAST_KEY);
    }
  }

  async finish(): Promise<void> {
    const batch = this.#batch;
    this.#batch = new WriteBatch();
    await this.store.write(batch);
  }
}
