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

/** A subtree whose key is 32 bytes at `keys[keyStart]`, and whose hash may not be computed yet. */
interface OpenSubtree {
  readonly keys: Uint8Array;
  readonly keyStart: number;
  branch: number;
  node: number;
}

/**
 * Builds runs from left to right. Leaves of a subtree share more bits with each other than with any
 * neighbour: so two subtrees are joined as soon as the gaps on both sides of theirs are known to be
 * smaller. At the start of the tree the gap on the left is -1, so that a run keeps only growing gaps;
 * where the left side is unknown it may be any, and the first gaps stay.
 */
export class SubtreeRunBuilder {
  readonly #nodes: DeferredNodes;
  #leftGap = 0;
  #subtrees: OpenSubtree[] = [];
  #gaps: number[] = [];

  constructor(hashers: SparseMerkleHashers) {
    this.#nodes = new DeferredNodes(hashers.internal, SPARSE_MERKLE_PLACEHOLDER);
  }

  /** Begins anew with an earlier run. */
  start(edge: LeftEdge, run: SubtreeRun): void {
    this.#nodes.clear();
    this.#leftGap = edge === 'start-of-tree' ? -1 : KEY_BITS;
    this.#subtrees = [];
    this.#gaps = [];
    this.pushRun(run, -1);
  }

  /** Appends a run; `gap` is that to its first key, and is not used if nothing stands before it. */
  pushRun(run: SubtreeRun, gap: number): void {
    run.subtrees.forEach((subtree, index) => {
      const node = this.#nodes.inputs(subtree.hash, 1);
      const before = index === 0 ? gap : (run.gaps[index - 1] ?? -1);
      this.#push({ keys: subtree.key, keyStart: 0, branch: subtree.branch, node }, before);
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
      const leaf = { keys: packedKeys, keyStart, branch: KEY_BITS, node: node + index };
      this.#push(leaf, gaps[first + index] ?? -1);
    }
  }

  /** Hashes what was noted and gives the run, which shares no bytes with what came in. */
  finish(): SubtreeRun {
    if (this.#leftGap < 0) this.#liftToGaps();
    this.#nodes.run();
    const subtrees = this.#subtrees.map(({ keys, keyStart, branch, node }) => ({
      key: keys.slice(keyStart, keyStart + HASH_SIZE),
      branch,
      hash: this.#nodes.hashOf(node),
    }));
    return { subtrees, gaps: this.#gaps };
  }

  #push(subtree: OpenSubtree, gap: number): void {
    if (this.#subtrees.length > 0) {
      this.#joinAbove(gap);
      this.#gaps.push(gap);
    }
    this.#subtrees.push(subtree);
  }

  #joinAbove(gap: number): void {
    for (;;) {
      const last = this.#gaps.at(-1);
      if (last === undefined || last <= gap || last <= (this.#gaps.at(-2) ?? this.#leftGap)) return;
      const right = this.#subtrees.pop();
      const left = this.#subtrees.pop();
      if (left === undefined || right === undefined) return;
      this.#gaps.pop();
      const node = this.#nodes.node(this.#lift(left, last + 1), this.#lift(right, last + 1));
      this.#subtrees.push({ keys: left.keys, keyStart: left.keyStart, branch: last, node });
    }
  }

  /** The node at a depth not below the subtree's own: the levels between have an empty other side. */
  #lift(subtree: OpenSubtree, depth: number): number {
    let node = subtree.node;
    if (subtree.branch === KEY_BITS) return node;
    for (let level = subtree.branch - 1; level >= depth; level--) {
      node = keyBit(subtree.keys, subtree.keyStart, level)
        ? this.#nodes.node(this.#nodes.placeholder, node)
        : this.#nodes.node(node, this.#nodes.placeholder);
    }
    return node;
  }

  /** With the left side known, each subtree but the last is the left child at the depth of its gap. */
  #liftToGaps(): void {
    this.#gaps.forEach((gap, index) => {
      const subtree = this.#subtrees[index];
      if (subtree === undefined) return;
      subtree.node = this.#lift(subtree, gap + 1);
      subtree.branch = gap + 1;
    });
  }
}
