import assert from 'node:assert/strict';
import type { DomainHasher } from '../hashing/domain-hasher.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';

/** A hash in 32-bit words: copying words in a loop beats making two views a hash. */
const HASH_WORDS = HASH_SIZE / 4;
/** Pairs that are hashed at once. */
const BATCH_PAIRS = 1024;

/**
 * Notes which nodes of a tree are wanted and hashes them later, all those at once that depend on nothing
 * that is still open. A node is named by its number, in the order of creation; `placeholder` is there from
 * the start. Memory grows to the largest use and is kept for the next one.
 */
export class DeferredNodes {
  readonly placeholder = 0;
  readonly #hasher: DomainHasher;
  #size = 0;
  #highestWave = 0;
  #words = new Int32Array(0);
  #bytes = new Uint8Array(0);
  #left = new Int32Array(0);
  #right = new Int32Array(0);
  /** 0 for what came in as a hash, otherwise one above that of the children. */
  #wave = new Int32Array(0);
  readonly #pairWords = new Int32Array(2 * HASH_WORDS * BATCH_PAIRS);
  readonly #pairs = new Uint8Array(this.#pairWords.buffer);

  constructor(hasher: DomainHasher, placeholder: HashValue) {
    this.#hasher = hasher;
    this.inputs(placeholder, 1);
  }

  /** Nodes that are there, known ones too. */
  get size(): number {
    return this.#size;
  }

  /** Forgets all nodes but the placeholder. */
  clear(): void {
    this.#size = 1;
    this.#highestWave = 0;
  }

  /** Nodes whose hashes are known: `count` of them, packed; copied. Returns the first number. */
  inputs(packedHashes: Uint8Array, count: number): number {
    const first = this.#size;
    this.#reserve(first + count);
    this.#bytes.set(packedHashes.subarray(0, count * HASH_SIZE), first * HASH_SIZE);
    this.#wave.fill(0, first, first + count);
    this.#size = first + count;
    return first;
  }

  /** A node with these children; returns its number. */
  node(left: number, right: number): number {
    const number = this.#size++;
    this.#reserve(this.#size);
    const wave = 1 + Math.max(this.#wave[left] ?? 0, this.#wave[right] ?? 0);
    this.#left[number] = left;
    this.#right[number] = right;
    this.#wave[number] = wave;
    if (wave > this.#highestWave) this.#highestWave = wave;
    return number;
  }

  /** Hashes all nodes; their hashes are inputs from now on. */
  run(): void {
    if (this.#highestWave === 0) return;
    // A counting sort: where each wave ends, then the numbers of its nodes before that.
    const ends = new Int32Array(this.#highestWave + 1);
    for (let number = 0; number < this.#size; number++) increment(ends, this.#wave[number] ?? 0, 1);
    for (let wave = 1; wave <= this.#highestWave; wave++) increment(ends, wave, ends[wave - 1] ?? 0);
    const starts = ends.slice(0, this.#highestWave);
    const order = new Int32Array(this.#size);
    const next = new Int32Array(this.#highestWave + 1);
    next.set(starts, 1);
    for (let number = 0; number < this.#size; number++) {
      const wave = this.#wave[number] ?? 0;
      order[next[wave] ?? 0] = number;
      increment(next, wave, 1);
    }
    for (let wave = 1; wave <= this.#highestWave; wave++) {
      const end = ends[wave] ?? 0;
      for (let first = ends[wave - 1] ?? 0; first < end; first += BATCH_PAIRS) {
        this.#hashBatch(order.subarray(first, Math.min(end, first + BATCH_PAIRS)));
      }
    }
    this.#wave.fill(0, 0, this.#size);
    this.#highestWave = 0;
  }

  /** After `run`: a copy. */
  hashOf(number: number): HashValue {
    return this.hashView(number).slice();
  }

  /** After `run`: a view, valid until the next node is noted. */
  hashView(number: number): HashValue {
    assert(number < this.#size && this.#wave[number] === 0);
    return this.#bytes.subarray(number * HASH_SIZE, (number + 1) * HASH_SIZE);
  }

  #hashBatch(numbers: Int32Array): void {
    const words = this.#words;
    const pairs = this.#pairWords;
    let at = 0;
    for (const number of numbers) {
      const left = (this.#left[number] ?? 0) * HASH_WORDS;
      const right = (this.#right[number] ?? 0) * HASH_WORDS;
      for (let word = 0; word < HASH_WORDS; word++) {
        pairs[at + word] = words[left + word] ?? 0;
        pairs[at + HASH_WORDS + word] = words[right + word] ?? 0;
      }
      at += 2 * HASH_WORDS;
    }
    this.#hasher.level(this.#pairs, 0, numbers.length);
    at = 0;
    for (const number of numbers) {
      const to = number * HASH_WORDS;
      for (let word = 0; word < HASH_WORDS; word++) words[to + word] = pairs[at + word] ?? 0;
      at += HASH_WORDS;
    }
  }

  #reserve(count: number): void {
    if (count <= this.#left.length) return;
    const capacity = Math.max(1024, 2 * this.#left.length, count);
    const grown = (before: Int32Array, size: number): Int32Array<ArrayBuffer> => {
      const after = new Int32Array(size);
      after.set(before);
      return after;
    };
    this.#words = grown(this.#words, capacity * HASH_WORDS);
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#left = grown(this.#left, capacity);
    this.#right = grown(this.#right, capacity);
    this.#wave = grown(this.#wave, capacity);
  }
}

function increment(array: Int32Array, index: number, by: number): void {
  array[index] = (array[index] ?? 0) + by;
}
