const U64 = 8;
const HASH = 32;
const U64_MAX = 2n ** 64n - 1n;
/** Of larger arrays a view costs less than a copy, though it is one more thing to collect. */
const COPIED_MAX = 40;
/** Arrays of one size are cut from blocks of about this size. */
const BLOCK_BYTES = 16 * 1024;
/** A copy of a few bytes is faster in a loop than with a view of them. */
const LOOP_BYTES_MAX = 40;

/** The version in the key of a state value. */
export function stateValueVersion(key: Uint8Array): bigint {
  return U64_MAX - new DataView(key.buffer, key.byteOffset + HASH).getBigUint64(0);
}

/** Arrays of one size that are used again. */
interface ArraysOfSize {
  readonly arrays: Uint8Array[];
  used: number;
}

/**
 * Makes the keys of a ledger's rows many at a time, and copies of short values, where encoding each by its
 * column family would be what a bulk write spends its time on. They are the same bytes. The arrays stay as
 * they are until `reset`, after which they are used again: making them and having them collected costs more
 * than filling them.
 */
export class RowKeys {
  readonly #bySize: (ArraysOfSize | undefined)[] = [];
  readonly #number = new Uint8Array(U64);
  readonly #numberView = new DataView(this.#number.buffer);

  /** All arrays that were given are free again. */
  reset(): void {
    for (const arrays of this.#bySize) if (arrays) arrays.used = 0;
  }

  /** An array of any content, to be filled. */
  take(size: number): Uint8Array {
    const ofSize = this.#bySize[size] ?? this.#begin(size);
    const array = ofSize.arrays[ofSize.used] ?? this.#addBlock(ofSize, size);
    ofSize.used++;
    return array;
  }

  /** A copy of `bytes[start..end]`; of a long one a view, which the bytes have to stay for. */
  value(bytes: Uint8Array, start: number, end: number): Uint8Array {
    if (end - start > COPIED_MAX) return bytes.subarray(start, end);
    const copy = this.take(end - start);
    copyTo(copy, 0, bytes, start, end);
    return copy;
  }

  /** One number, such as a version. */
  u64(value: bigint): Uint8Array {
    const key = this.take(U64);
    this.#put(key, 0, value);
    return key;
  }

  /** Two numbers: a version and an index within it. */
  u64Pair(first: bigint, second: bigint): Uint8Array {
    const key = this.take(2 * U64);
    this.#put(key, 0, first);
    this.#put(key, U64, second);
    return key;
  }

  /** Bytes of another array, such as an address, and a number behind them. */
  bytesAndU64(bytes: Uint8Array, start: number, end: number, value: bigint): Uint8Array {
    const size = end - start;
    const key = this.take(size + U64);
    copyTo(key, 0, bytes, start, end);
    this.#put(key, size, value);
    return key;
  }

  /** Bytes of another array and two numbers behind them. */
  bytesAndU64Pair(bytes: Uint8Array, start: number, end: number, first: bigint, second: bigint): Uint8Array {
    const size = end - start;
    const key = this.take(size + 2 * U64);
    copyTo(key, 0, bytes, start, end);
    this.#put(key, size, first);
    this.#put(key, size + U64, second);
    return key;
  }

  /** Of a state value: the key hash at `hashes[at]`, and the version so that the newest comes first. */
  stateValue(hashes: Uint8Array, hashAt: number, version: bigint): Uint8Array {
    return this.bytesAndU64(hashes, hashAt, hashAt + HASH, U64_MAX - version);
  }

  /** In the index of values that are stale: since when, of which version, the key hash at `hashes[at]`. */
  staleStateValue(since: bigint, version: bigint, hashes: Uint8Array, hashAt: number): Uint8Array {
    const key = this.take(2 * U64 + HASH);
    this.#put(key, 0, since);
    this.#put(key, U64, version);
    copyTo(key, 2 * U64, hashes, hashAt, hashAt + HASH);
    return key;
  }

  #begin(size: number): ArraysOfSize {
    const ofSize: ArraysOfSize = { arrays: [], used: 0 };
    this.#bySize[size] = ofSize;
    return ofSize;
  }

  /** @returns the first array of a new block */
  #addBlock({ arrays }: ArraysOfSize, size: number): Uint8Array {
    const first = arrays.length;
    const count = Math.max(1, Math.floor(BLOCK_BYTES / Math.max(size, 1)));
    const block = new Uint8Array(count * size);
    for (let place = 0; place < count; place++) arrays.push(block.subarray(place * size, (place + 1) * size));
    return arrays[first] ?? block;
  }

  #put(key: Uint8Array, at: number, value: bigint): void {
    this.#numberView.setBigUint64(0, value);
    copyTo(key, at, this.#number, 0, U64);
  }
}

function copyTo(to: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  if (end - start > LOOP_BYTES_MAX) to.set(from.subarray(start, end), at);
  else for (let index = start, target = at; index < end; index++, target++) to[target] = from[index] ?? 0;
}
