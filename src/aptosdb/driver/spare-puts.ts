import type RocksDB from 'rocksdb-native';
import type { WriteBatch } from './write-batch.js';

export type NativeWriteBatch = ReturnType<RocksDB['write']>;
type QueuedOperation = NativeWriteBatch['_operations'][number];

/** Objects that are kept for the next batch. */
const SPARE_MAX = 1 << 15;
const NO_BYTES = new Uint8Array(0);

/**
 * Queues the operations of a batch in one of the library, which wants an object for each. Those of rows that
 * are written are filled again: making them, and having them collected, costs more than a row's own bytes.
 */
export class SparePuts {
  readonly #spare: QueuedOperation[] = [];

  /** @param sessionOf of a column family that exists; it is called where the column family changes */
  queue(native: NativeWriteBatch, { operations }: WriteBatch, sessionOf: (name: string) => RocksDB): void {
    const root = native._db;
    let last: string | undefined;
    let session = root;
    for (const operation of operations) {
      if (operation.columnFamily !== last) {
        last = operation.columnFamily;
        session = sessionOf(last);
        native._db = session;
      }
      const spare = operation.kind === 'put' ? this.#spare.pop() : undefined;
      if (operation.kind === 'put' && spare) {
        spare.columnFamily = session._columnFamily._handle;
        spare.key = operation.key;
        spare.value = operation.value;
        native._operations.push(spare);
      } else if (operation.kind === 'put') native.tryPut(operation.key, operation.value);
      else if (operation.kind === 'delete') native.tryDelete(operation.key);
      else native.tryDeleteRange(operation.start, operation.end);
    }
    native._db = root;
    native._resize();
  }

  /** Takes back the objects of a batch that was written. @param queued what the library's batch had */
  takeBack(queued: readonly QueuedOperation[], { operations }: WriteBatch): void {
    for (const [index, put] of queued.entries()) {
      if (this.#spare.length === SPARE_MAX) return;
      if (operations[index]?.kind !== 'put') continue;
      // Nothing is to stay in memory for its sake.
      put.key = NO_BYTES;
      put.value = NO_BYTES;
      this.#spare.push(put);
    }
  }
}
