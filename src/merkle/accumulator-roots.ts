import type { DomainHasher } from '../hashing/domain-hasher.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { ACCUMULATOR_PLACEHOLDER } from './placeholders.js';

/** A hash in 32-bit words: copying words in a loop beats making two views a hash. */
const HASH_WORDS = HASH_SIZE / 4;
const PLACEHOLDER_WORDS = new Int32Array(ACCUMULATOR_PLACEHOLDER.slice().buffer);

/**
 * Roots of many small accumulators at once, such as the events of each transaction of a batch: every level of
 * all of them is one call of the hasher. Memory is kept for the next call.
 */
export class AccumulatorRoots {
  readonly #hasher: DomainHasher;
  /** The nodes of one level, of one accumulator after the other. */
  #level = new Int32Array(0);
  /** The same with a placeholder behind each odd one, and then hashed. */
  #pairs = new Int32Array(0);
  #roots = new Int32Array(0);
  /** Of each accumulator that has no root yet: its index, and the nodes of its level. */
  #open = new Int32Array(0);
  #widths = new Int32Array(0);

  constructor(hasher: DomainHasher) {
    this.#hasher = hasher;
  }

  /**
   * @param packedLeaves leaf hashes, 32 bytes each, of one accumulator after the other; only read
   * @param counts leaves of each of `size` accumulators, at least one each
   * @returns 32 bytes an accumulator, valid until the next call
   */
  fold(packedLeaves: Uint8Array, counts: ArrayLike<number>, size: number): Uint8Array {
    let leaves = 0;
    for (let index = 0; index < size; index++) leaves += counts[index] ?? 0;
    this.#reserve(leaves, size);
    new Uint8Array(this.#level.buffer).set(packedLeaves.subarray(0, leaves * HASH_SIZE));
    for (let index = 0; index < size; index++) {
      this.#open[index] = index;
      this.#widths[index] = counts[index] ?? 0;
    }
    for (let left = size; left > 0; ) left = this.#foldLevel(left);
    return new Uint8Array(this.#roots.buffer, 0, size * HASH_SIZE);
  }

  /** Puts away roots and hashes one level of the other accumulators, of which it returns the number. */
  #foldLevel(count: number): number {
    let from = 0;
    let to = 0;
    let left = 0;
    for (let each = 0; each < count; each++) {
      const index = this.#open[each] ?? 0;
      const width = this.#widths[each] ?? 0;
      if (width === 1) {
        copyWords(this.#level, from, this.#roots, index * HASH_WORDS, HASH_WORDS);
        from += HASH_WORDS;
        continue;
      }
      copyWords(this.#level, from, this.#pairs, to, width * HASH_WORDS);
      from += width * HASH_WORDS;
      to += width * HASH_WORDS;
      if (width % 2 === 1) {
        copyWords(PLACEHOLDER_WORDS, 0, this.#pairs, to, HASH_WORDS);
        to += HASH_WORDS;
      }
      this.#open[left] = index;
      this.#widths[left++] = (width + 1) >> 1;
    }
    if (left > 0) {
      this.#hasher.level(new Uint8Array(this.#pairs.buffer), 0, to / (2 * HASH_WORDS));
      [this.#level, this.#pairs] = [this.#pairs, this.#level];
    }
    return left;
  }

  #reserve(leaves: number, size: number): void {
    const words = (leaves + size) * HASH_WORDS;
    if (this.#level.length < words) {
      this.#level = new Int32Array(2 * words);
      this.#pairs = new Int32Array(2 * words);
    }
    if (this.#open.length < size) {
      this.#roots = new Int32Array(2 * size * HASH_WORDS);
      this.#open = new Int32Array(2 * size);
      this.#widths = new Int32Array(2 * size);
    }
  }
}

function copyWords(source: Int32Array, from: number, target: Int32Array, to: number, count: number): void {
  for (let word = 0; word < count; word++) target[to + word] = source[from + word] ?? 0;
}
