/** Where the messages of a batch lie: message i is `base[starts[i] .. ends[i]]`. */
export interface Spans {
  readonly base: Uint8Array;
  readonly starts: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
  readonly count: number;
}

/**
 * SHA3-256 (FIPS 202) of seeded messages. Everything that is proven goes through this interface, in
 * batches wherever many hashes are wanted at once, so that a compiled kernel can take over the inside.
 * Seeds are 32 bytes; every digest is written as 32 bytes at `out[outStart + 32 * i]`. Inputs are only
 * read during the call; `out` may be a part of an input only where a method says so.
 */
export interface Sha3Engine {
  readonly name: string;
  /** SHA3-256(message), a new array. */
  digest(message: Uint8Array): Uint8Array;
  /** SHA3-256(seed || message) for each span. */
  records(seed: Uint8Array, spans: Spans, out: Uint8Array, outStart: number): void;
  /**
   * SHA3-256(seed || left || right) for `count` pairs that lie one after the other at
   * `pairs[start + 64 * i]`. `out` and `outStart` may be `pairs` and `start`: a tree level in place.
   */
  nodes(
    seed: Uint8Array,
    pairs: Uint8Array,
    start: number,
    count: number,
    out: Uint8Array,
    outStart: number,
  ): void;
}
