import assert from 'node:assert/strict';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { DeferredNodes } from './deferred-nodes.js';
import { KEY_BITS, keyBit } from './key-bits.js';
import { SPARSE_MERKLE_PLACEHOLDER } from './placeholders.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';

/**
 * Consecutive leaves that were reduced to one hash: the tree's node at depth `branch`, where they part,
 * or a single leaf, whose `branch` is 256 and whose hash is the same at every depth.
 */
export interface Subtree {
  /** Any key below. */
  readonly key: HashValue;
  readonly branch: number;
  readonly hash: HashValue;
}

/**
 * What is left of consecutive leaves when everything is reduced that no leaf outside can fall into
 * (spec: formats.md, 9.5). `gaps[i]` is the number of bits that the last key of `subtrees[i]` shares with
 * the first key of `subtrees[i + 1]`. The last subtree always is the last leaf.
 */
export interface SubtreeRun {
  readonly subtrees: readonly Subtree[];
  readonly gaps: readonly number[];
}

export const EMPTY_RUN: SubtreeRun = { subtrees: [], gaps: [] };

/** What lies left of a run: nothing, or leaves that are not known yet. */
export type LeftEdge = 'start-of-tree' | 'unknown';

/**
 * Builds runs from left to right. Leaves of a subtree share more bits with each other than with any
 * neighbour: so two subtrees are joined as soon as the gaps on both sides of theirs are known to be
 * smaller. At the start of the tree the gap on the left is -1, so that a run keeps only growing gaps;
 * where the left side is unknown it may be any, and the first gaps stay.
 */
export class SubtreeRunBuilder {
  readonly #nodes: DeferredNodes;
  #leftGap = 0;
  // The open subtrees, as columns, since an object for each leaf would cost as much as its hash. A key is
  // 32 bytes at `#keys[i][#keyStarts[i]]`; the hash of node `#numbers[i]` may not be computed yet.
  #size = 0;
  readonly #keys: Uint8Array[] = [];
  readonly #keyStarts: number[] = [];
  readonly #branches: number[] = [];
  readonly #numbers: number[] = [];
  /** The gap behind each subtree but the last. */
  readonly #gaps: number[] = [];

  constructor(hashers: SparseMerkleHashers) {
    this.#nodes = new DeferredNodes(hashers.internal, SPARSE_MERKLE_PLACEHOLDER);
  }

  /** Begins anew with an earlier run. */
  start(edge: LeftEdge, run: SubtreeRun): void {
    this.#nodes.clear();
    this.#leftGap = edge === 'start-of-tree' ? -1 : KEY_BITS;
    this.#size = 0;
    this.pushRun(run, -1);
  }

  /** Appends a run; `gap` is that to its first key, and is not used if nothing stands before it. */
  pushRun(run: SubtreeRun, gap: number): void {
    run.subtrees.forEach((subtree, index) => {
      const node = this.#nodes.inputs(subtree.hash, 1);
      const before = index === 0 ? gap : (run.gaps[index - 1] ?? -1);
      this.#push(subtree.key, 0, subtree.branch, node, before);
    });
  }

  /**
   * Appends `count` leaves from index `first` of `packedKeys`; `gaps[first + i]` is that on the left of
   * each. `packedLeafHashes` begins with the hash of the first of them. Keys are only read until `finish`.
   */
  pushLeaves(
    packedKeys: Uint8Array,
    first: number,
    count: number,
    packedLeafHashes: Uint8Array,
    gaps: ArrayLike<number>,
  ): void {
    const node = this.#nodes.inputs(packedLeafHashes, count);
    for (let index = 0; index < count; index++) {
      const keyStart = (first + index) * HASH_SIZE;
      this.#push(packedKeys, keyStart, KEY_BITS, node + index, gaps[first + index] ?? -1);
    }
  }

  /** Hashes what was noted and gives the run, which shares no bytes with what came in. */
  finish(): SubtreeRun {
    if (this.#leftGap < 0) this.#liftToGaps();
    this.#nodes.run();
    const subtrees: Subtree[] = [];
    for (let index = 0; index < this.#size; index++) {
      const [keys, keyStart] = [this.#keys[index], this.#keyStarts[index] ?? 0];
      assert(keys);
      const key = keys.slice(keyStart, keyStart + HASH_SIZE);
      const hash = this.#nodes.hashOf(this.#numbers[index] ?? 0);
      subtrees.push({ key, branch: this.#branches[index] ?? 0, hash });
    }
    return { subtrees, gaps: this.#gaps.slice(0, Math.max(0, this.#size - 1)) };
  }

  #push(keys: Uint8Array, keyStart: number, branch: number, node: number, gap: number): void {
    if (this.#size > 0) {
      this.#joinAbove(gap);
      this.#gaps[this.#size - 1] = gap;
    }
    const index = this.#size++;
    this.#keys[index] = keys;
    this.#keyStarts[index] = keyStart;
    this.#branches[index] = branch;
    this.#numbers[index] = node;
  }

  #joinAbove(gap: number): void {
    while (this.#size > 1) {
      const right = this.#size - 1;
      const left = right - 1;
      const last = this.#gaps[left] ?? -1;
      if (last <= gap || last <= (left > 0 ? (this.#gaps[left - 1] ?? -1) : this.#leftGap)) return;
      this.#numbers[left] = this.#nodes.node(this.#lift(left, last + 1), this.#lift(right, last + 1));
      this.#branches[left] = last;
      this.#size = right;
    }
  }

  /** The node at a depth not below the subtree's own: the levels between have an empty other side. */
  #lift(index: number, depth: number): number {
    let node = this.#numbers[index] ?? 0;
    const branch = this.#branches[index] ?? KEY_BITS;
    if (branch === KEY_BITS) return node;
    const keys = this.#keys[index];
    const keyStart = this.#keyStarts[index] ?? 0;
    if (keys === undefined) return node;
    for (let level = branch - 1; level >= depth; level--) {
      node = keyBit(keys, keyStart, level)
        ? this.#nodes.node(this.#nodes.placeholder, node)
        : this.#nodes.node(node, this.#nodes.placeholder);
    }
    return node;
  }

  /** With the left side known, each subtree but the last is the left child at the depth of its gap. */
  #liftToGaps(): void {
    for (let index = 0; index < this.#size - 1; index++) {
      const gap = this.#gaps[index] ?? -1;
      this.#numbers[index] = this.#lift(index, gap + 1);
      this.#branches[index] = gap + 1;
    }
  }
}
