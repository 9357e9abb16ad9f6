/** Keys are cut from blocks of this size. */
const BLOCK_BYTES = 256 * 1024;
const U64 = 8;
const HASH = 32;
const U64_MAX = 2n ** 64n - 1n;

/** The version in the key of a state value. */
export function stateValueVersion(key: Uint8Array): bigint {
  return U64_MAX - new DataView(key.buffer, key.byteOffset + HASH).getBigUint64(0);
}

/**
 * Makes the keys of a ledger's rows many at a time, where encoding each by its column family would be what
 * a bulk write spends its time on. They are the same bytes. Keys are views of shared blocks and never
 * change.
 */
export class RowKeys {
  #block = new Uint8Array(0);
  #view = new DataView(this.#block.buffer);
  #used = 0;

  /** One number, such as a version. */
  u64(value: bigint): Uint8Array {
    const at = this.#take(U64);
    this.#view.setBigUint64(at, value);
    return this.#block.subarray(at, at + U64);
  }

  /** Two numbers: a version and an index within it. */
  u64Pair(first: bigint, second: bigint): Uint8Array {
    const at = this.#take(2 * U64);
    this.#view.setBigUint64(at, first);
    this.#view.setBigUint64(at + U64, second);
    return this.#block.subarray(at, at + 2 * U64);
  }

  /** Bytes of another array, such as an address, and a number behind them. */
  bytesAndU64(bytes: Uint8Array, start: number, end: number, value: bigint): Uint8Array {
    const size = end - start;
    const at = this.#take(size + U64);
    this.#block.set(bytes.subarray(start, end), at);
    this.#view.setBigUint64(at + size, value);
    return this.#block.subarray(at, at + size + U64);
  }

  /** Bytes of another array and two numbers behind them. */
  bytesAndU64Pair(bytes: Uint8Array, start: number, end: number, first: bigint, second: bigint): Uint8Array {
    const size = end - start;
    const at = this.#take(size + 2 * U64);
    this.#block.set(bytes.subarray(start, end), at);
    this.#view.setBigUint64(at + size, first);
    this.#view.setBigUint64(at + size + U64, second);
    return this.#block.subarray(at, at + size + 2 * U64);
  }

  /** Of a state value: the key hash at `hashes[at]`, and the version so that the newest comes first. */
  stateValue(hashes: Uint8Array, hashAt: number, version: bigint): Uint8Array {
    return this.bytesAndU64(hashes, hashAt, hashAt + HASH, U64_MAX - version);
  }

  /** In the index of values that are stale: since when, of which version, the key hash at `hashes[at]`. */
  staleStateValue(since: bigint, version: bigint, hashes: Uint8Array, hashAt: number): Uint8Array {
    const size = 2 * U64 + HASH;
    const at = this.#take(size);
    this.#view.setBigUint64(at, since);
    this.#view.setBigUint64(at + U64, version);
    this.#block.set(hashes.subarray(hashAt, hashAt + HASH), at + 2 * U64);
    return this.#block.subarray(at, at + size);
  }

  #take(size: number): number {
    if (this.#used + size > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#view = new DataView(this.#block.buffer);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += size;
    return at;
  }
}
