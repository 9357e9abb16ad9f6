import type { RecordBatch } from '../archive/record-file.js';
import { BcsError } from '../bcs/bcs-error.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { writeStateKeyPreimage } from '../types/state-key.js';
import { StateRecordWalk } from '../types/state-record-walk.js';
import type { RecordFault } from './record-fault.js';

/** The hashes of a batch of state items; both are valid until the next batch. */
export interface StateBatchHashes {
  readonly keyHashes: Uint8Array;
  readonly valueHashes: Uint8Array;
  /** How many of the batch's records are state items. */
  readonly count: number;
}

/** Hashes the keys and values of state records, batch by batch, without decoding them. */
export class StateRecordHasher {
  readonly #hashers: LedgerHashers;
  readonly #walk = new StateRecordWalk();
  /** Keys in the form in which they are hashed, one after the other. */
  #preimages = new Uint8Array(64 * 1024);
  #keyStarts = new Int32Array(0);
  #keyEnds = new Int32Array(0);
  #valueStarts = new Int32Array(0);
  #valueEnds = new Int32Array(0);
  #keyHashes = new Uint8Array();
  #valueHashes = new Uint8Array();

  constructor(hashers: LedgerHashers) {
    this.#hashers = hashers;
  }

  /** Hashes a batch; `onFault` is called for each record that is no state item. */
  hash(batch: RecordBatch, onFault: (fault: RecordFault) => void): StateBatchHashes {
    const count = this.#walkRecords(batch, onFault);
    if (this.#keyHashes.length < count * HASH_SIZE) {
      this.#keyHashes = new Uint8Array(count * HASH_SIZE * 2);
      this.#valueHashes = new Uint8Array(count * HASH_SIZE * 2);
    }
    this.#hashers.stateKey.records(
      { base: this.#preimages, starts: this.#keyStarts, ends: this.#keyEnds, count },
      this.#keyHashes,
    );
    this.#hashers.stateValue.records(
      { base: batch.bytes, starts: this.#valueStarts, ends: this.#valueEnds, count },
      this.#valueHashes,
    );
    return {
      keyHashes: this.#keyHashes.subarray(0, count * HASH_SIZE),
      valueHashes: this.#valueHashes.subarray(0, count * HASH_SIZE),
      count,
    };
  }

  #reserve(count: number): void {
    this.#keyStarts = new Int32Array(count);
    this.#keyEnds = new Int32Array(count);
    this.#valueStarts = new Int32Array(count);
    this.#valueEnds = new Int32Array(count);
  }

  #walkRecords(batch: RecordBatch, onFault: (fault: RecordFault) => void): number {
    const { bytes } = batch;
    // A preimage is never longer than the key itself, so all of them fit into as much room as the batch.
    if (this.#preimages.length < bytes.length) this.#preimages = new Uint8Array(bytes.length);
    if (this.#keyStarts.length < batch.count) this.#reserve(2 * batch.count);
    const { dialect } = this.#hashers.family;
    let count = 0;
    let written = 0;
    for (let index = 0; index < batch.count; index++) {
      const start = batch.starts[index] ?? 0;
      try {
        this.#walk.walk(bytes, start, batch.ends[index] ?? 0, dialect);
      } catch (error) {
        if (!(error instanceof BcsError)) throw error;
        const record = batch.firstRecord + index;
        onFault({ code: 'RECORD_INVALID', message: error.message, record, offset: error.offset, error });
        continue;
      }
      const { keyStart, keyEnd, valueStart, valueEnd } = this.#walk;
      this.#keyStarts[count] = written;
      written = writeStateKeyPreimage(bytes, keyStart, keyEnd, this.#preimages, written);
      this.#keyEnds[count] = written;
      this.#valueStarts[count] = valueStart;
      this.#valueEnds[count] = valueEnd;
      count++;
    }
    return count;
  }
}
