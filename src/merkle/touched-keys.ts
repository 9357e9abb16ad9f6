import assert from 'node:assert/strict';
import { HASH_SIZE } from '../hashing/hash-value.js';

const HASH_WORDS = HASH_SIZE / 4;
const FREE = 0;
/** A place of the table holds the number of a key and one more, so that 0 is free. */
const FIRST = 1;
/** A prefix of 32 bits and a number of up to 21 fit a double exactly. */
const SORTED_TOGETHER_MAX = 2 ** 21;

/** Key hashes in ascending order, each once. */
export interface SortedKeys {
  /** 32 bytes each. */
  readonly packed: Uint8Array;
  readonly count: number;
  /** The place in `packed` of each key, by the number that `intern` gave it. */
  readonly ranks: Uint32Array;
}

/**
 * Key hashes that something was written to, each with a number. Takes some 48 bytes a key. Key hashes are
 * uniform, so their own first bits are what the table is looked up by.
 */
export class TouchedKeys {
  #words = new Uint32Array(1024 * HASH_WORDS);
  #table = new Uint32Array(4096);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The number of the key at `words[at]`, the same each time. */
  intern(words: Uint32Array, at: number): number {
    const mask = this.#table.length - 1;
    let place = (words[at] ?? 0) & mask;
    for (;;) {
      const entry = this.#table[place] ?? FREE;
      if (entry === FREE) break;
      if (this.#isKey(entry - FIRST, words, at)) return entry - FIRST;
      place = (place + 1) & mask;
    }
    const number = this.#count++;
    if (this.#words.length < this.#count * HASH_WORDS) this.#growKeys();
    this.#words.set(words.subarray(at, at + HASH_WORDS), number * HASH_WORDS);
    this.#table[place] = number + FIRST;
    if (this.#count * 2 > this.#table.length) this.#growTable();
    return number;
  }

  /** Where the key of this number stands in `words`, which is valid until the next `intern`. */
  get words(): Uint32Array {
    return this.#words;
  }

  sorted(): SortedKeys {
    const bytes = new Uint8Array(this.#words.buffer, 0, this.#count * HASH_SIZE);
    const order = inOrder(bytes, this.#count);
    const packed = new Uint8Array(bytes.length);
    const ranks = new Uint32Array(this.#count);
    order.forEach((number, rank) => {
      packed.set(bytes.subarray(number * HASH_SIZE, (number + 1) * HASH_SIZE), rank * HASH_SIZE);
      ranks[number] = rank;
    });
    return { packed, count: this.#count, ranks };
  }

  #isKey(number: number, words: Uint32Array, at: number): boolean {
    const own = number * HASH_WORDS;
    for (let word = 0; word < HASH_WORDS; word++) {
      if (this.#words[own + word] !== words[at + word]) return false;
    }
    return true;
  }

  #growKeys(): void {
    const grown = new Uint32Array(this.#words.length * 2);
    grown.set(this.#words);
    this.#words = grown;
  }

  #growTable(): void {
    this.#table = new Uint32Array(this.#table.length * 2);
    const mask = this.#table.length - 1;
    for (let number = 0; number < this.#count; number++) {
      let place = (this.#words[number * HASH_WORDS] ?? 0) & mask;
      while (this.#table[place] !== FREE) place = (place + 1) & mask;
      this.#table[place] = number + FIRST;
    }
  }
}

/** Numbers of packed keys in the order of the keys. */
function inOrder(packed: Uint8Array, count: number): Uint32Array {
  assert(count <= 2 ** 32);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (count > SORTED_TOGETHER_MAX) {
    const numbers = Uint32Array.from({ length: count }, (_, number) => number);
    return numbers.sort((left, right) => compareAt(packed, left, right));
  }
  // Sorting plain numbers is native: the first 32 bits, with the key's own number behind them.
  const composed = new Float64Array(count);
  for (let number = 0; number < count; number++) {
    composed[number] = view.getUint32(number * HASH_SIZE) * SORTED_TOGETHER_MAX + number;
  }
  composed.sort();
  const order = Uint32Array.from(composed, (value) => value % SORTED_TOGETHER_MAX);
  // Keys with the same first bits are rare, and stand beside each other.
  for (let index = 1; index < count; index++) {
    for (let at = index; at > 0; at--) {
      const [left = 0, right = 0] = order.subarray(at - 1, at + 1);
      if (compareAt(packed, left, right) < 0) break;
      order[at - 1] = right;
      order[at] = left;
    }
  }
  return order;
}

function compareAt(packed: Uint8Array, left: number, right: number): number {
  for (let index = 0; index < HASH_SIZE; index++) {
    const difference = (packed[left * HASH_SIZE + index] ?? 0) - (packed[right * HASH_SIZE + index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
