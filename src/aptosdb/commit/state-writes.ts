import { BcsReader } from '../../bcs/bcs-reader.js';
import { HASH_SIZE } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { STATE_KEY_ACCESS_PATH, StateKey, writeStateKeyPreimage } from '../../types/state-key.js';
import { WriteOp } from '../../types/write-set.js';

/** Variants of a write op whose value has metadata begin here; 2 and 5 delete. */
const FIRST_WITH_METADATA = 3;
const DELETION = 2;
const DELETION_WITH_METADATA = 5;
const ADDRESS_BYTES = 32;
/** What a row of a deleted item holds: no value. */
const DELETED = 0;
/** Memory beyond this is not kept for the next batch: one transaction, such as the first, may be very large. */
const KEPT_BYTES = 8 << 20;
const KEPT_WRITES = 1 << 15;

/** Memory of at least so many bytes, the same as before where that fits. */
function room(before: Uint8Array<ArrayBuffer>, bytes: number): Uint8Array<ArrayBuffer> {
  const isKept = before.length <= KEPT_BYTES || bytes > KEPT_BYTES;
  if (isKept && before.length >= bytes) return before;
  return new Uint8Array(2 * bytes <= KEPT_BYTES ? 2 * bytes : bytes);
}

/**
 * What consecutive transactions write to the state, with every hash of it, found in their write sets
 * without decoding them. Used again for each batch: `begin`, `add` for each version, `finish`.
 */
export class StateWrites {
  /** How many writes there are; each field below has one entry for each, and perhaps old ones behind. */
  count = 0;
  readonly versions: bigint[] = [];
  /** What the row of each value holds, in `rowBytes`, which stay as they are until the batch after the next. */
  readonly rowStarts: number[] = [];
  readonly rowEnds: number[] = [];
  rowBytes = new Uint8Array(0);
  /** The BCS of the StateKey, a view of the write set. */
  readonly stateKeys: Uint8Array[] = [];
  /** What the key counts as in the state's usage. */
  readonly keyBytes: number[] = [];
  /** What the value counts as; undefined where the item is gone. */
  readonly dataBytes: (number | undefined)[] = [];
  /** 32 bytes a write, valid until the next batch, as bytes and as words. */
  keyHashes = new Uint8Array(0);
  keyHashWords = new Uint32Array(0);
  /** The same of the values, where they were asked for; those of deletions mean nothing. */
  valueHashes = new Uint8Array(0);

  readonly #hashers: LedgerHashers;
  readonly #reader = new BcsReader(new Uint8Array());
  readonly #lengthReader = new BcsReader(new Uint8Array());
  #otherRowBytes = new Uint8Array(0);
  #rowBytesUsed = 0;
  readonly #valueStarts: number[] = [];
  readonly #valueEnds: number[] = [];
  #preimages = new Uint8Array(0);
  #preimagesUsed = 0;
  readonly #preimageStarts: number[] = [];
  readonly #preimageEnds: number[] = [];

  constructor(hashers: LedgerHashers) {
    this.#hashers = hashers;
  }

  /** @param writeSetBytes the size of all write sets of the batch together, or more */
  begin(writeSetBytes: number): void {
    this.count = 0;
    // Rows outlive the batch: they are being written while the next one is put together.
    [this.rowBytes, this.#otherRowBytes] = [this.#otherRowBytes, this.rowBytes];
    this.rowBytes = room(this.rowBytes, writeSetBytes + 1);
    if (this.#otherRowBytes.length > KEPT_BYTES && writeSetBytes <= KEPT_BYTES) {
      // Whoever writes them still holds them.
      this.#otherRowBytes = new Uint8Array(0);
    }
    if (this.stateKeys.length > KEPT_WRITES) this.stateKeys.length = 0;
    this.rowBytes[0] = DELETED;
    this.#rowBytesUsed = 1;
    this.#preimages = room(this.#preimages, writeSetBytes);
    this.#preimagesUsed = 0;
  }

  /** Takes the write set of a version, which must be valid BCS, from `bytes[start..end]`. */
  add(version: bigint, bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    reader.restart(bytes, start + 1, end, this.#hashers.family.dialect);
    for (let left = reader.sequenceLength(); left > 0; left--) {
      const keyStart = reader.offset;
      StateKey.skip(reader);
      const opStart = reader.offset;
      WriteOp.skip(reader);
      this.#push(version, bytes, keyStart, opStart, reader.offset);
    }
  }

  /** Hashes all keys, and all values where the state tree needs them. */
  finish({ withValues }: { readonly withValues: boolean }): void {
    const size = this.count * HASH_SIZE;
    if (this.keyHashes.length < size) {
      this.keyHashes = new Uint8Array(2 * size);
      this.keyHashWords = new Uint32Array(this.keyHashes.buffer);
      this.valueHashes = new Uint8Array(0);
    }
    const { count } = this;
    const keys = { base: this.#preimages, starts: this.#preimageStarts, ends: this.#preimageEnds, count };
    this.#hashers.stateKey.records(keys, this.keyHashes);
    if (!withValues) return;
    if (this.valueHashes.length < size) this.valueHashes = new Uint8Array(this.keyHashes.length);
    const values = { base: this.rowBytes, starts: this.#valueStarts, ends: this.#valueEnds, count };
    this.#hashers.stateValue.records(values, this.valueHashes);
  }

  #push(version: bigint, bytes: Uint8Array, keyStart: number, opStart: number, opEnd: number): void {
    const index = this.count++;
    this.versions[index] = version;
    this.stateKeys[index] = bytes.subarray(keyStart, opStart);
    const from = this.#preimagesUsed;
    this.#preimageStarts[index] = from;
    this.#preimagesUsed = writeStateKeyPreimage(bytes, keyStart, opStart, this.#preimages, from);
    this.#preimageEnds[index] = this.#preimagesUsed;
    this.keyBytes[index] =
      bytes[keyStart] === STATE_KEY_ACCESS_PATH
        ? ADDRESS_BYTES + this.#lengthAt(bytes, keyStart + 1 + ADDRESS_BYTES, opStart)
        : this.#preimagesUsed - from - 1;
    const variant = bytes[opStart] ?? DELETION;
    if (variant === DELETION || variant === DELETION_WITH_METADATA) this.#pushDeletion(index);
    else this.#pushValue(index, bytes, opStart, opEnd);
  }

  #pushDeletion(index: number): void {
    this.rowStarts[index] = 0;
    this.rowEnds[index] = 1;
    this.dataBytes[index] = undefined;
    this.#valueStarts[index] = 0;
    this.#valueEnds[index] = 0;
  }

  /** Operation and state value differ in nothing but their variant; the row says first that it is there. */
  #pushValue(index: number, bytes: Uint8Array, opStart: number, opEnd: number): void {
    const row = this.rowBytes;
    const start = this.#rowBytesUsed;
    const valueStart = start + 1;
    const end = valueStart + (opEnd - opStart);
    row.set(bytes.subarray(opStart, opEnd), valueStart);
    row[start] = 1;
    row[valueStart] = (bytes[opStart] ?? 0) >= FIRST_WITH_METADATA ? 1 : 0;
    this.#rowBytesUsed = end;
    this.rowStarts[index] = start;
    this.rowEnds[index] = end;
    this.#valueStarts[index] = valueStart;
    this.#valueEnds[index] = end;
    this.dataBytes[index] = this.#lengthAt(bytes, opStart + 1, opEnd);
  }

  /** The length that bytes have in front of them. */
  #lengthAt(bytes: Uint8Array, start: number, end: number): number {
    this.#lengthReader.restart(bytes, start, end, 0);
    return this.#lengthReader.sequenceLength();
  }
}
