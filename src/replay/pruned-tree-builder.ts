import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { KEY_BITS, sharedPrefixBits } from '../merkle/key-bits.js';
import { gapBetween } from '../merkle/sorted-leaves.js';
import type { SparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { EMPTY_RUN, type Subtree, type SubtreeRun, SubtreeRunBuilder } from '../merkle/subtree-run.js';
import { compareKeys, type HashedLeaves } from './carried-leaves.js';
import { PrunedTree } from './pruned-tree.js';
import type { SortedKeys } from '../merkle/touched-keys.js';

/**
 * Stands for the gap between leaves of different subtrees. It is smaller than any gap, so that a run reduces
 * what lies between two of them to one subtree, and nothing across them.
 */
const BOUNDARY = -2;
/** A run needs something in front of its first boundary. */
const FRONT: Subtree = { key: new Uint8Array(HASH_SIZE), branch: KEY_BITS, hash: new Uint8Array(HASH_SIZE) };

/**
 * Makes a pruned tree of all leaves of a state, which come in key order. Everything between two touched keys
 * is reduced while it comes in, so memory does not depend on the number of leaves.
 */
export class PrunedTreeBuilder {
  readonly #touched: SortedKeys;
  readonly #tree: PrunedTree;
  readonly #runs: SubtreeRunBuilder;
  /** Leaves of the last subtree, to which more may belong. */
  #open: SubtreeRun = EMPTY_RUN;
  #lastKey: HashValue | undefined;
  /** Touched keys before the last leaf or equal to it. */
  #passed = 0;
  /** The depth down to which the last leaf's subtree has no touched key; undefined for a touched leaf. */
  #openDepth: number | undefined;
  /** Touched keys before the last subtree that the tree was given. */
  #appended = 0;

  constructor(hashers: SparseMerkleHashers, touched: SortedKeys) {
    this.#touched = touched;
    this.#tree = new PrunedTree(hashers, touched.packed, touched.count);
    this.#runs = new SubtreeRunBuilder(hashers);
  }

  /** Leaves that follow those before; only read. */
  add({ keys, leafHashes, count }: HashedLeaves): void {
    if (count === 0) return;
    const gaps = new Int16Array(count);
    for (let index = 0; index < count; index++) gaps[index] = this.#place(keys, index);
    this.#lastKey = keys.slice((count - 1) * HASH_SIZE, count * HASH_SIZE);
    this.#begin();
    this.#runs.pushLeaves(keys, 0, count, leafHashes, gaps);
    const { subtrees, gaps: reduced } = this.#runs.finish();
    const open = reduced.lastIndexOf(BOUNDARY) + 1;
    this.#append(subtrees.slice(1, open));
    this.#open = { subtrees: subtrees.slice(open), gaps: reduced.slice(open) };
  }

  finish(): PrunedTree {
    this.#begin();
    this.#runs.pushRun({ subtrees: [FRONT], gaps: [] }, BOUNDARY);
    this.#append(this.#runs.finish().subtrees.slice(1, -1));
    return this.#tree;
  }

  #begin(): void {
    const { subtrees, gaps } = this.#open;
    const front = subtrees.length > 0 ? [BOUNDARY, ...gaps] : [];
    this.#runs.start('unknown', { subtrees: [FRONT, ...subtrees], gaps: front });
  }

  /** The gap on the left of a leaf, or a boundary where it belongs to another subtree than the one before. */
  #place(keys: Uint8Array, index: number): number {
    const start = index * HASH_SIZE;
    const before = index > 0 ? keys : this.#lastKey;
    const gap = before ? gapBetween(before, index > 0 ? start - HASH_SIZE : 0, keys, start, index) : BOUNDARY;
    const { packed, count } = this.#touched;
    const passed = this.#passed;
    while (this.#passed < count && compareKeys(packed, this.#passed, keys, index) < 0) this.#passed++;
    if (this.#passed < count && compareKeys(packed, this.#passed, keys, index) === 0) {
      this.#passed++;
      this.#openDepth = undefined;
      return BOUNDARY;
    }
    if (passed === this.#passed && this.#openDepth !== undefined && gap >= this.#openDepth) return gap;
    this.#openDepth =
      1 +
      Math.max(this.#sharedWith(this.#passed - 1, keys, start), this.#sharedWith(this.#passed, keys, start));
    return BOUNDARY;
  }

  #sharedWith(touched: number, keys: Uint8Array, start: number): number {
    if (touched < 0 || touched >= this.#touched.count) return -1;
    return sharedPrefixBits(this.#touched.packed, touched * HASH_SIZE, keys, start);
  }

  #append(subtrees: readonly Subtree[]): void {
    const { packed, count } = this.#touched;
    for (const { key, branch, hash } of subtrees) {
      while (this.#appended < count && compareKeys(packed, this.#appended, key, 0) < 0) this.#appended++;
      const isTouched = this.#appended < count && compareKeys(packed, this.#appended, key, 0) === 0;
      if (isTouched) this.#tree.appendTouched(this.#appended++, hash);
      else this.#tree.appendSubtree(key, branch, hash);
    }
  }
}
