import assert from 'node:assert/strict';
import { SHARD_COUNT } from '../driver/instances.js';
import { WriteBatch } from '../driver/write-batch.js';

/** A copy of a few bytes is faster in a loop than with a view of them. */
const LOOP_BYTES_MAX = 40;

/** Copies `from[start..end]` to `to[at..]`. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > LOOP_BYTES_MAX) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let index = start, target = at; index < end; index++, target++) to[target] = from[index] ?? 0;
}

/**
 * Rows of one column family on their way to the 16 shards, one behind the other in a buffer that is kept
 * for the next ones: no object a row exists until the batches are made.
 */
export class PackedRows {
  /** Grows when a row is added: read it anew after each `add`. */
  bytes = new Uint8Array(1 << 20);
  #length = 0;
  #count = 0;
  #ends = new Int32Array(1 << 13);
  #keyBytes = new Uint8Array(1 << 13);
  #shards = new Uint8Array(1 << 13);

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#length = 0;
    this.#count = 0;
  }

  /**
   * Makes room for a row and returns where its key begins; its value follows the key. The caller fills
   * both, with every byte: what the buffer held before is still there.
   */
  add(shard: number, keyBytes: number, valueBytes: number): number {
    const start = this.#length;
    const end = start + keyBytes + valueBytes;
    if (end > this.bytes.length) this.#growBytes(end);
    if (this.#count === this.#ends.length) this.#growTable();
    this.#ends[this.#count] = end;
    this.#keyBytes[this.#count] = keyBytes;
    this.#shards[this.#count] = shard;
    this.#count++;
    this.#length = end;
    return start;
  }

  /** One batch a shard; a shard without rows has none. They hold views until the next `clear`. */
  batches(columnFamily: string): (WriteBatch | undefined)[] {
    const batches = new Array<WriteBatch | undefined>(SHARD_COUNT).fill(undefined);
    const { bytes } = this;
    let start = 0;
    for (let row = 0; row < this.#count; row++) {
      const end = this.#ends[row] ?? 0;
      const valueStart = start + (this.#keyBytes[row] ?? 0);
      const shard = this.#shards[row] ?? 0;
      let batch = batches[shard];
      if (batch === undefined) {
        assert(shard < SHARD_COUNT);
        batch = new WriteBatch();
        batches[shard] = batch;
      }
      batch.put(columnFamily, bytes.subarray(start, valueStart), bytes.subarray(valueStart, end));
      start = end;
    }
    return batches;
  }

  #growBytes(wanted: number): void {
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, wanted));
    grown.set(this.bytes.subarray(0, this.#length));
    this.bytes = grown;
  }

  #growTable(): void {
    const capacity = 2 * this.#ends.length;
    const ends = new Int32Array(capacity);
    ends.set(this.#ends);
    this.#ends = ends;
    const keyBytes = new Uint8Array(capacity);
    keyBytes.set(this.#keyBytes);
    this.#keyBytes = keyBytes;
    const shards = new Uint8Array(capacity);
    shards.set(this.#shards);
    this.#shards = shards;
  }
}
