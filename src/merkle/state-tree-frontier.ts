import assert from 'node:assert/strict';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { KEY_BITS, keyBit } from './key-bits.js';
import { MerkleError, requireRoot } from './merkle-error.js';
import { SPARSE_MERKLE_PLACEHOLDER } from './placeholders.js';
import { appendLeaves, gapBetween } from './sorted-leaves.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';
import { decodeFrontier, encodeFrontier, type StateTreeFrontierState } from './state-tree-frontier-state.js';
import type { StateTreeSegment } from './state-tree-segment.js';
import { EMPTY_RUN, type SubtreeRun, SubtreeRunBuilder } from './subtree-run.js';

/** The last leaf of a frontier. */
interface LastLeaf {
  readonly key: HashValue;
  readonly valueHash: HashValue;
}

/**
 * Builds the state tree from left to right and verifies it after each chunk, keeping the last leaf and at
 * most 256 hashes of the complete subtrees on its left (spec: formats.md, 9.2). Every method that throws
 * leaves the frontier as it was.
 */
export class StateTreeFrontier {
  readonly #hashers: SparseMerkleHashers;
  readonly #builder: SubtreeRunBuilder;
  /** From the start of the tree: gaps grow, and each subtree is the left child at the depth of its gap. */
  #run: SubtreeRun = EMPTY_RUN;
  #last: LastLeaf | undefined;
  #leafCount = 0;

  constructor(hashers: SparseMerkleHashers) {
    this.#hashers = hashers;
    this.#builder = new SubtreeRunBuilder(hashers);
  }

  /**
   * Goes on from a saved state, which may come from a file. Every hash in it is bound by the root at the
   * next `verify`; the leaf count is not.
   * @throws MerkleError MERKLE_STATE_INVALID
   */
  static fromState(hashers: SparseMerkleHashers, state: unknown): StateTreeFrontier {
    const { leafCount, last, run } = decodeFrontier(hashers, state);
    const frontier = new StateTreeFrontier(hashers);
    frontier.#leafCount = leafCount;
    frontier.#last = last;
    frontier.#run = run;
    return frontier;
  }

  /** A plain value for JSON, from which `fromState` goes on. */
  toState(): StateTreeFrontierState {
    return encodeFrontier({ leafCount: this.#leafCount, last: this.#last, run: this.#run });
  }

  /** A value of its own with the same leaves. */
  clone(): StateTreeFrontier {
    const copy = new StateTreeFrontier(this.#hashers);
    copy.#run = this.#run;
    copy.#last = this.#last;
    copy.#leafCount = this.#leafCount;
    return copy;
  }

  get leafCount(): number {
    return this.#leafCount;
  }

  /** The last key hash, or undefined before the first leaf. Not to be written to. */
  get lastKey(): HashValue | undefined {
    return this.#last?.key;
  }

  /**
   * One leaf; `addMany` is much faster a leaf.
   * @throws MerkleError MERKLE_KEYS_NOT_INCREASING
   */
  add(keyHash: HashValue, valueHash: HashValue): void {
    this.addMany(keyHash, valueHash, 1);
  }

  /**
   * Leaves in key order; keys and value hashes are packed, 32 bytes each, and only read.
   * @throws MerkleError MERKLE_KEYS_NOT_INCREASING, with the `index` of the leaf in this call
   */
  addMany(packedKeys: Uint8Array, packedValueHashes: Uint8Array, count: number): void {
    assert(packedKeys.length >= count * HASH_SIZE && packedValueHashes.length >= count * HASH_SIZE);
    if (count === 0) return;
    const leaves = { keys: packedKeys, valueHashes: packedValueHashes, count };
    const lastKey = this.#last?.key;
    this.#run = appendLeaves(this.#hashers, this.#builder, 'start-of-tree', this.#run, lastKey, leaves);
    const last = (count - 1) * HASH_SIZE;
    this.#last = {
      key: packedKeys.slice(last, last + HASH_SIZE),
      valueHash: packedValueHashes.slice(last, last + HASH_SIZE),
    };
    this.#leafCount += count;
  }

  /**
   * The leaves of a segment.
   * @throws MerkleError MERKLE_KEYS_NOT_INCREASING
   */
  addSegment(segment: StateTreeSegment): void {
    const { ends, run, leafCount } = segment.data;
    if (!ends) return;
    const gap = this.#last ? gapBetween(this.#last.key, 0, ends.firstKey, 0, 0) : -1;
    this.#builder.start('start-of-tree', this.#run);
    this.#builder.pushRun(run, gap);
    this.#run = this.#builder.finish();
    this.#last = { key: ends.lastKey, valueHash: ends.lastValueHash };
    this.#leafCount += leafCount;
  }

  /**
   * Proves that the leaves so far are the complete left part of the tree with this root.
   * @param rightSiblings of the range proof, from the bottom to the root
   * @throws MerkleError MERKLE_MISSING_RIGHT_SIBLING, MERKLE_TOO_MANY_RIGHT_SIBLINGS, MERKLE_ROOT_MISMATCH
   */
  verify(rightSiblings: readonly HashValue[], root: HashValue): void {
    const depth = this.#depthWith(rightSiblings.length);
    requireRoot('the chunk with its range proof', root, this.#fold(depth, rightSiblings));
  }

  /** The root of the tree that has the leaves so far and no others. Not to be written to. */
  currentRoot(): HashValue {
    return this.#fold((this.#run.gaps.at(-1) ?? -1) + 1, undefined);
  }

  /** How many levels the last leaf must lie below the root to take exactly this number of right siblings. */
  #depthWith(rightCount: number): number {
    const key = this.#last?.key;
    let depth = 0;
    let zeros = 0;
    const deepestGap = this.#run.gaps.at(-1) ?? -1;
    while (key && depth <= deepestGap) if (keyBit(key, 0, depth++) === 0) zeros++;
    if (zeros > rightCount) {
      const message = `the last key takes at least ${zeros} right siblings, the proof has ${rightCount}`;
      const facts = { expected: zeros, actual: rightCount };
      throw new MerkleError('MERKLE_MISSING_RIGHT_SIBLING', message, { facts });
    }
    while (zeros < rightCount) {
      if (!key || depth === KEY_BITS) {
        const message = `the last key takes at most ${zeros} right siblings, the proof has ${rightCount}`;
        const facts = { expected: zeros, actual: rightCount };
        throw new MerkleError('MERKLE_TOO_MANY_RIGHT_SIBLINGS', message, { facts });
      }
      if (keyBit(key, 0, depth++) === 0) zeros++;
    }
    return depth;
  }

  /** From the last leaf at `depth` to the root; without siblings, nothing lies on the right. */
  #fold(depth: number, rightSiblings: readonly HashValue[] | undefined): HashValue {
    const { subtrees, gaps } = this.#run;
    const key = this.#last?.key;
    let current = subtrees.at(-1)?.hash;
    if (!key || !current) return SPARSE_MERKLE_PLACEHOLDER;
    let next = gaps.length - 1;
    let taken = 0;
    for (let level = depth - 1; level >= 0; level--) {
      if (keyBit(key, 0, level) === 0) {
        const right = rightSiblings?.[taken++] ?? SPARSE_MERKLE_PLACEHOLDER;
        current = this.#hashers.internal.pair(current, right);
      } else {
        const left = gaps[next] === level ? subtrees[next--]?.hash : undefined;
        current = this.#hashers.internal.pair(left ?? SPARSE_MERKLE_PLACEHOLDER, current);
      }
    }
    return current;
  }
}
