import { HASH_SIZE } from '../../hashing/hash-value.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { copyBytes, type PackedRows } from './snapshot-rows.js';

const U64_BYTES = 8;
const KEY_BYTES = HASH_SIZE + U64_BYTES;
/** Tag of an optional value that is there. */
const PRESENT = 1;

/** Rows of the state values of one version, written as bytes (spec: aptosdb-schema.md, section 5). */
export class SnapshotValueRows {
  /** The end of each key: the version with every bit turned over. */
  readonly #keyTail: Uint8Array;

  constructor(version: bigint) {
    const key = stateValueRows.key.encode({ key_hash: new Uint8Array(HASH_SIZE), version });
    this.#keyTail = key.subarray(HASH_SIZE);
  }

  /** The row of the item whose key hash begins at `keys[keyStart]` and whose value is `bytes[start..end]`. */
  add(
    out: PackedRows,
    keys: Uint8Array,
    keyStart: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const at = out.add((keys[keyStart] ?? 0) >> 4, KEY_BYTES, 1 + end - start);
    copyBytes(keys, keyStart, keyStart + HASH_SIZE, out.bytes, at);
    copyBytes(this.#keyTail, 0, U64_BYTES, out.bytes, at + HASH_SIZE);
    out.bytes[at + KEY_BYTES] = PRESENT;
    copyBytes(bytes, start, end, out.bytes, at + KEY_BYTES + 1);
  }
}
