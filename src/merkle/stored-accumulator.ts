import assert from 'node:assert/strict';
import type { DomainHasher } from '../hashing/domain-hasher.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { accumulatorHeight } from './accumulator-shape.js';
import { ACCUMULATOR_PLACEHOLDER } from './placeholders.js';

/** Hashes one after the other in memory that doubles when it is full. */
class HashList {
  length = 0;
  #bytes = new Uint8Array(16 * HASH_SIZE);

  append(packed: Uint8Array): void {
    const end = this.length * HASH_SIZE;
    if (end + packed.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, end + packed.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(packed, end);
    this.length += packed.length / HASH_SIZE;
  }

  /** A copy of the hashes from `first` up to `end`. */
  slice(first: number, end: number): Uint8Array {
    assert(end <= this.length);
    return this.#bytes.slice(first * HASH_SIZE, end * HASH_SIZE);
  }
}

/**
 * An accumulator that keeps every node in memory and answers for any earlier size of itself: what a
 * ledger's database does, for generators and tests. 64 bytes a leaf. All hashes that it returns are
 * copies, or the shared placeholder.
 */
export class StoredAccumulator {
  readonly #hasher: DomainHasher;
  /** Frozen nodes only: level i has one for every 2^i leaves that are complete. */
  readonly #levels: HashList[] = [new HashList()];

  constructor(hasher: DomainHasher) {
    this.#hasher = hasher;
  }

  get leafCount(): number {
    return this.#list(0).length;
  }

  append(leaf: HashValue): void {
    assert.equal(leaf.length, HASH_SIZE);
    this.appendMany(leaf);
  }

  /** Appends leaf hashes that lie one after the other; copied. */
  appendMany(packedLeaves: Uint8Array): void {
    assert.equal(packedLeaves.length % HASH_SIZE, 0);
    this.#list(0).append(packedLeaves);
    for (let level = 0; ; level++) {
      const first = 2 * (this.#levels[level + 1]?.length ?? 0);
      const children = this.#list(level);
      const pairs = (children.length - first) >> 1;
      if (pairs === 0) return;
      const nodes = children.slice(first, first + 2 * pairs);
      this.#hasher.level(nodes, 0, pairs);
      this.#list(level + 1).append(nodes.subarray(0, pairs * HASH_SIZE));
    }
  }

  leaf(index: number): HashValue {
    return this.#list(0).slice(index, index + 1);
  }

  /** The leaf hashes from `first` up to and including `last`, packed. */
  leaves(first: number, last: number): Uint8Array {
    return this.#list(0).slice(first, last + 1);
  }

  /** The root when it had `leafCount` leaves. */
  root(leafCount: number = this.leafCount): HashValue {
    return this.#node(this.#height(leafCount), 0, leafCount);
  }

  /** Roots of the frozen subtrees when it had `leafCount` leaves, largest first. */
  frozenRoots(leafCount: number = this.leafCount): HashValue[] {
    const roots: HashValue[] = [];
    for (let level = this.#height(leafCount); level >= 0; level--) {
      const index = Math.floor(leafCount / 2 ** level);
      if (index % 2 === 1) roots.push(this.#node(level, index - 1, leafCount));
    }
    return roots;
  }

  /** Of leaf `index` in the tree of `leafCount` leaves (spec: formats.md, 6.1). */
  proof(index: number, leafCount: number = this.leafCount): { readonly siblings: HashValue[] } {
    assert(index >= 0 && index < leafCount);
    const siblings: HashValue[] = [];
    for (let level = 0; level < this.#height(leafCount); level++) {
      const position = Math.floor(index / 2 ** level);
      siblings.push(this.#node(level, position % 2 === 0 ? position + 1 : position - 1, leafCount));
    }
    return { siblings };
  }

  /** Of the leaves `first` to `last` in the tree of `leafCount` leaves (spec: formats.md, 6.2). */
  rangeProof(
    first: number,
    last: number,
    leafCount: number = this.leafCount,
  ): { readonly left_siblings: HashValue[]; readonly right_siblings: HashValue[] } {
    assert(first >= 0 && first <= last && last < leafCount);
    const left: HashValue[] = [];
    const right: HashValue[] = [];
    for (let level = 0; level < this.#height(leafCount); level++) {
      const leftmost = Math.floor(first / 2 ** level);
      const rightmost = Math.floor(last / 2 ** level);
      if (leftmost % 2 === 1) left.push(this.#node(level, leftmost - 1, leafCount));
      if (rightmost % 2 === 0) right.push(this.#node(level, rightmost + 1, leafCount));
    }
    return { left_siblings: left, right_siblings: right };
  }

  #height(leafCount: number): number {
    assert(leafCount <= this.leafCount);
    return accumulatorHeight(BigInt(leafCount));
  }

  #list(level: number): HashList {
    let list = this.#levels[level];
    if (list === undefined) {
      assert.equal(level, this.#levels.length);
      list = new HashList();
      this.#levels.push(list);
    }
    return list;
  }

  #node(level: number, index: number, leafCount: number): HashValue {
    const size = 2 ** level;
    if (index * size >= leafCount) return ACCUMULATOR_PLACEHOLDER;
    if ((index + 1) * size <= leafCount) return this.#list(level).slice(index, index + 1);
    return this.#hasher.pair(
      this.#node(level - 1, 2 * index, leafCount),
      this.#node(level - 1, 2 * index + 1, leafCount),
    );
  }
}
