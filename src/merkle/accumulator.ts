import assert from 'node:assert/strict';
import type { DomainHasher } from '../hashing/domain-hasher.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import {
  ACCUMULATOR_LEAVES_MAX,
  ACCUMULATOR_LEVELS_MAX,
  checkLeftSiblingCount,
  checkRangeProofShape,
  populationCount,
  requireSiblingLimit,
} from './accumulator-shape.js';
import { MerkleError, requireRoot } from './merkle-error.js';
import { ACCUMULATOR_PLACEHOLDER } from './placeholders.js';

/** Leaves that are reduced at once: half a megabyte, which stays in cache. */
const BLOCK_LEAVES = 16 * 1024;

/**
 * An append-only Merkle tree that keeps no leaves, only the roots of its frozen subtrees: one a set bit of
 * the leaf count (spec: formats.md, section 6). Memory does not depend on the number of leaves.
 *
 * It also is the streaming verifier of range proofs: start from the left siblings, append the leaves of
 * the range in any portions, then `verify` with the right siblings. What it holds afterwards are the left
 * siblings of the next range.
 */
export class Accumulator {
  readonly #hasher: DomainHasher;
  /** The frozen subtree of 2^i leaves at index i, where bit i of the leaf count is set; the last is set. */
  #frozen: (HashValue | undefined)[] = [];
  #leafCount = 0n;

  constructor(hasher: DomainHasher) {
    this.#hasher = hasher;
  }

  /**
   * @param roots largest subtree first, that is from left to right; kept, not copied
   * @throws MerkleError MERKLE_FROZEN_ROOT_COUNT, MERKLE_TOO_MANY_LEAVES
   */
  static fromFrozenRoots(hasher: DomainHasher, roots: readonly HashValue[], leafCount: bigint): Accumulator {
    const accumulator = new Accumulator(hasher);
    accumulator.#grow(leafCount);
    const expected = populationCount(leafCount);
    if (roots.length !== expected) {
      throw new MerkleError(
        'MERKLE_FROZEN_ROOT_COUNT',
        `${leafCount} leaves have ${expected} frozen subtrees, not ${roots.length}`,
        { facts: { leafCount, expected, actual: roots.length } },
      );
    }
    let next = roots.length;
    for (let level = 0; leafCount >> BigInt(level) > 0n; level++) {
      accumulator.#frozen.push((leafCount >> BigInt(level)) & 1n ? roots[--next] : undefined);
    }
    return accumulator;
  }

  /**
   * The accumulator of all leaves before a range, from the left siblings of the range's proof.
   * @param leftSiblings from the bottom to the root, as proofs have them; kept, not copied
   * @throws MerkleError MERKLE_TOO_MANY_SIBLINGS, MERKLE_MISSING_LEFT_SIBLING, MERKLE_EXTRA_SIBLINGS,
   *   MERKLE_TOO_MANY_LEAVES
   */
  static fromLeftSiblings(
    hasher: DomainHasher,
    leftSiblings: readonly HashValue[],
    firstIndex: bigint,
  ): Accumulator {
    checkLeftSiblingCount(firstIndex, leftSiblings.length);
    return Accumulator.fromFrozenRoots(hasher, leftSiblings.toReversed(), firstIndex);
  }

  get leafCount(): bigint {
    return this.#leafCount;
  }

  /** Largest subtree first, that is from left to right. The hashes are shared: not to be written to. */
  get frozenRoots(): readonly HashValue[] {
    return this.#frozen.filter((root) => root !== undefined).reverse();
  }

  /** A value of its own with the same leaves. */
  clone(): Accumulator {
    const copy = new Accumulator(this.#hasher);
    copy.#frozen = [...this.#frozen];
    copy.#leafCount = this.#leafCount;
    return copy;
  }

  /**
   * @param leaf 32 bytes; copied
   * @throws MerkleError MERKLE_TOO_MANY_LEAVES, and nothing has changed
   */
  append(leaf: HashValue): void {
    assert.equal(leaf.length, HASH_SIZE);
    this.#grow(1n);
    let node: HashValue = leaf.slice();
    let level = 0;
    for (; ; level++) {
      const left = this.#frozen[level];
      if (left === undefined) break;
      node = this.#hasher.pair(left, node);
      this.#frozen[level] = undefined;
    }
    this.#frozen[level] = node;
  }

  /**
   * Appends `count` leaves that lie one after the other in `packedLeaves`, which is only read.
   * @throws MerkleError MERKLE_TOO_MANY_LEAVES, and nothing has changed
   */
  appendMany(packedLeaves: Uint8Array, count: number = packedLeaves.length / HASH_SIZE): void {
    assert(packedLeaves.length >= count * HASH_SIZE);
    this.#grow(BigInt(count));
    for (let first = 0; first < count; first += BLOCK_LEAVES) {
      const end = Math.min(count, first + BLOCK_LEAVES);
      this.#appendBlock(packedLeaves.subarray(first * HASH_SIZE, end * HASH_SIZE), end - first);
    }
  }

  #grow(count: bigint): void {
    const grown = this.#leafCount + count;
    if (grown > ACCUMULATOR_LEAVES_MAX) {
      throw new MerkleError('MERKLE_TOO_MANY_LEAVES', `an accumulator cannot have ${grown} leaves`);
    }
    this.#leafCount = grown;
  }

  /** Level by level: a waiting left neighbour goes in front, and a node without a partner waits in turn. */
  #appendBlock(packedLeaves: Uint8Array, count: number): void {
    let start = (ACCUMULATOR_LEVELS_MAX + 1) * HASH_SIZE; // room in front for one neighbour a level
    const nodes = new Uint8Array(start + count * HASH_SIZE);
    nodes.set(packedLeaves, start);
    let width = count;
    for (let level = 0; width > 0; level++) {
      const left = this.#frozen[level];
      if (left !== undefined) {
        start -= HASH_SIZE;
        nodes.set(left, start);
        width++;
      }
      const pairs = width >> 1;
      const last = start + (width - 1) * HASH_SIZE;
      const waiting = width % 2 === 1 ? nodes.slice(last, last + HASH_SIZE) : undefined;
      if (waiting !== undefined || level < this.#frozen.length) this.#frozen[level] = waiting;
      else this.#frozen.push(undefined);
      if (pairs > 0) this.#hasher.level(nodes, start, pairs);
      width = pairs;
    }
  }

  /** The root of the leaves so far; no leaves give the placeholder. Not to be written to. */
  root(): HashValue {
    return this.#fold(undefined);
  }

  /**
   * The root of a tree that continues to the right with what `rightSiblings` stand for.
   * @param rightSiblings from the bottom to the root, as in the proof of a range that ends here
   * @throws MerkleError MERKLE_MISSING_RIGHT_SIBLING, MERKLE_EXTRA_SIBLINGS, MERKLE_TOO_MANY_SIBLINGS
   */
  rootWithRightSiblings(rightSiblings: readonly HashValue[]): HashValue {
    requireSiblingLimit('right', rightSiblings.length);
    return this.#fold(rightSiblings);
  }

  /**
   * Proves that all leaves so far are the first ones of the tree with this root. Changes nothing.
   * @param leafCount leaves of the whole tree where known: then the number of siblings must fit it
   * @throws MerkleError as `rootWithRightSiblings`, MERKLE_ROOT_MISMATCH, and with `leafCount` also
   *   MERKLE_EMPTY_RANGE and MERKLE_INDEX_OUT_OF_RANGE
   */
  verify(rightSiblings: readonly HashValue[], root: HashValue, leafCount?: bigint): void {
    if (leafCount !== undefined) {
      const lastIndex = this.#leafCount - 1n;
      const rightCount = rightSiblings.length;
      checkRangeProofShape({ firstIndex: 0n, lastIndex, leafCount, leftCount: 0, rightCount });
    }
    requireRoot('the range proof', root, this.rootWithRightSiblings(rightSiblings));
  }

  /**
   * From the smallest frozen subtree up: a frozen subtree stands on the left, otherwise the next right
   * sibling on the right, or the placeholder where there are no siblings because nothing follows.
   */
  #fold(rightSiblings: readonly HashValue[] | undefined): HashValue {
    const top = this.#frozen.length - 1;
    const lowest = this.#frozen.findIndex((root) => root !== undefined);
    let current = this.#frozen[lowest];
    if (current === undefined) {
      if (!rightSiblings?.length) return ACCUMULATOR_PLACEHOLDER;
      const message = 'a proof without leaves takes no siblings';
      throw new MerkleError('MERKLE_EXTRA_SIBLINGS', message, { facts: { side: 'right' } });
    }
    const height = lowest === top ? lowest : top + 1;
    const available = rightSiblings?.length ?? 0;
    let taken = 0;
    for (let level = lowest; level < height || taken < available; level++) {
      if (level >= ACCUMULATOR_LEVELS_MAX) {
        const message = `the siblings lead above level ${ACCUMULATOR_LEVELS_MAX}`;
        throw new MerkleError('MERKLE_TOO_MANY_SIBLINGS', message, { facts: { side: 'right' } });
      }
      const left = level > lowest ? this.#frozen[level] : undefined;
      const right = rightSiblings === undefined ? ACCUMULATOR_PLACEHOLDER : rightSiblings[taken];
      if (left !== undefined) {
        current = this.#hasher.pair(left, current);
      } else if (right !== undefined) {
        current = this.#hasher.pair(current, right);
        taken++;
      } else {
        const message = `the last node of level ${level} is a left child, but no right sibling is left`;
        throw new MerkleError('MERKLE_MISSING_RIGHT_SIBLING', message, { facts: { level } });
      }
    }
    return current;
  }
}
