import type { HashValue } from '../hashing/hash-value.js';
import { keyBit } from './key-bits.js';
import { SPARSE_MERKLE_PLACEHOLDER } from './placeholders.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';

/** A key with its value hash. Its hash is the same at whatever depth it sits. */
export class LeafNode {
  readonly size = 1;
  readonly key: HashValue;
  readonly valueHash: HashValue;
  #hash: HashValue | undefined;

  constructor(key: HashValue, valueHash: HashValue) {
    this.key = key;
    this.valueHash = valueHash;
  }

  hashAt(_depth: number, hashers: SparseMerkleHashers): HashValue {
    this.#hash ??= hashers.leaf.pair(this.key, this.valueHash);
    return this.#hash;
  }
}

/**
 * Two or more keys that share their first `depth` bits and part at bit `depth`. Levels above that have
 * only this child are not stored: `hashAt` adds their hashes, and remembers them for the depth at which
 * it was asked last, since a node seldom gets a parent of another depth.
 */
export class BranchNode {
  readonly depth: number;
  readonly left: TreeNode;
  readonly right: TreeNode;
  readonly size: number;
  /** Any key below. */
  readonly key: HashValue;
  #ownHash: HashValue | undefined;
  #liftedHash: HashValue | undefined;
  #liftedDepth = -1;

  constructor(depth: number, left: TreeNode, right: TreeNode) {
    this.depth = depth;
    this.left = left;
    this.right = right;
    this.size = left.size + right.size;
    this.key = left.key;
  }

  hashAt(depth: number, hashers: SparseMerkleHashers): HashValue {
    if (this.#liftedHash !== undefined && this.#liftedDepth === depth) return this.#liftedHash;
    const below = this.depth + 1;
    this.#ownHash ??= hashers.internal.pair(
      this.left.hashAt(below, hashers),
      this.right.hashAt(below, hashers),
    );
    let current = this.#ownHash;
    for (let level = this.depth - 1; level >= depth; level--) {
      current = keyBit(this.key, 0, level)
        ? hashers.internal.pair(SPARSE_MERKLE_PLACEHOLDER, current)
        : hashers.internal.pair(current, SPARSE_MERKLE_PLACEHOLDER);
    }
    this.#liftedHash = current;
    this.#liftedDepth = depth;
    return current;
  }
}

export type TreeNode = LeafNode | BranchNode;
