import assert from 'node:assert/strict';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import type { SparseMerkleLeafNode } from '../types/proofs.js';
import { KEY_BITS, keyBit, sharedPrefixBits } from './key-bits.js';
import { SPARSE_MERKLE_PLACEHOLDER } from './placeholders.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';
import { BranchNode, LeafNode, type TreeNode } from './sparse-merkle-node.js';

/** A key hash with its new value hash, or with undefined to remove it. */
export type StateTreeUpdate = readonly [key: HashValue, valueHash: HashValue | undefined];

function put(node: TreeNode | undefined, key: HashValue, valueHash: HashValue): TreeNode {
  if (node === undefined) return new LeafNode(key, valueHash);
  const shared = sharedPrefixBits(key, 0, node.key, 0);
  if (node instanceof BranchNode && shared >= node.depth) {
    return keyBit(key, 0, node.depth)
      ? new BranchNode(node.depth, node.left, put(node.right, key, valueHash))
      : new BranchNode(node.depth, put(node.left, key, valueHash), node.right);
  }
  const leaf = new LeafNode(key, valueHash);
  if (shared === KEY_BITS) return leaf;
  return keyBit(key, 0, shared) ? new BranchNode(shared, node, leaf) : new BranchNode(shared, leaf, node);
}

function remove(node: TreeNode | undefined, key: HashValue): TreeNode | undefined {
  if (node === undefined) return undefined;
  const shared = sharedPrefixBits(key, 0, node.key, 0);
  if (node instanceof LeafNode) return shared === KEY_BITS ? undefined : node;
  if (shared < node.depth) return node;
  const isRight = keyBit(key, 0, node.depth) === 1;
  const before = isRight ? node.right : node.left;
  const after = remove(before, key);
  if (after === before) return node;
  if (after === undefined) return isRight ? node.left : node.right;
  return isRight
    ? new BranchNode(node.depth, node.left, after)
    : new BranchNode(node.depth, after, node.right);
}

function* leavesOf(node: TreeNode | undefined): Generator<LeafNode, void, undefined> {
  if (node === undefined) return;
  if (node instanceof LeafNode) {
    yield node;
    return;
  }
  yield* leavesOf(node.left);
  yield* leavesOf(node.right);
}

/**
 * A sparse Merkle tree in memory, for generators and tests (spec: formats.md, section 7). It is a value:
 * an update gives a new tree that shares what did not change, and hashes are computed when they are first
 * asked for and kept. Keys and value hashes are 32 bytes and kept, not copied: nobody writes to them
 * afterwards. Neither does anybody to the hashes that it returns.
 */
export class SparseMerkleTree {
  readonly #hashers: SparseMerkleHashers;
  readonly #root: TreeNode | undefined;

  private constructor(hashers: SparseMerkleHashers, root: TreeNode | undefined) {
    this.#hashers = hashers;
    this.#root = root;
  }

  static empty(hashers: SparseMerkleHashers): SparseMerkleTree {
    return new SparseMerkleTree(hashers, undefined);
  }

  /** Applies updates one after the other; removing a key that is not there changes nothing. */
  update(updates: Iterable<StateTreeUpdate>): SparseMerkleTree {
    let root = this.#root;
    for (const [key, valueHash] of updates) {
      assert(key.length === HASH_SIZE && (valueHash === undefined || valueHash.length === HASH_SIZE));
      root = valueHash === undefined ? remove(root, key) : put(root, key, valueHash);
    }
    return new SparseMerkleTree(this.#hashers, root);
  }

  /** Number of keys. */
  get size(): number {
    return this.#root?.size ?? 0;
  }

  /** 32 bytes; of an empty tree the placeholder. */
  get root(): HashValue {
    return this.#root?.hashAt(0, this.#hashers) ?? SPARSE_MERKLE_PLACEHOLDER;
  }

  /** The value hash of a key, or undefined. */
  get(key: HashValue): HashValue | undefined {
    let node = this.#root;
    while (node instanceof BranchNode) node = keyBit(key, 0, node.depth) ? node.right : node.left;
    return node !== undefined && sharedPrefixBits(node.key, 0, key, 0) === KEY_BITS
      ? node.valueHash
      : undefined;
  }

  /** Keys with their value hashes, in key order. */
  *entries(): Generator<readonly [key: HashValue, valueHash: HashValue], void, undefined> {
    for (const leaf of leavesOf(this.#root)) yield [leaf.key, leaf.valueHash];
  }

  /** That the tree has the key, or that it does not (spec: formats.md, 7.1). */
  proof(key: HashValue): {
    readonly leaf: SparseMerkleLeafNode | undefined;
    readonly siblings: HashValue[];
  } {
    const siblings: HashValue[] = [];
    let node = this.#root;
    while (node instanceof BranchNode) {
      const shared = sharedPrefixBits(key, 0, node.key, 0);
      // On the way down to where the keys part, the other side is empty.
      while (siblings.length < Math.min(shared, node.depth)) siblings.push(SPARSE_MERKLE_PLACEHOLDER);
      if (shared < node.depth) {
        siblings.push(node.hashAt(shared + 1, this.#hashers));
        return { leaf: undefined, siblings };
      }
      const isRight = keyBit(key, 0, node.depth) === 1;
      const sibling = isRight ? node.left : node.right;
      siblings.push(sibling.hashAt(node.depth + 1, this.#hashers));
      node = isRight ? node.right : node.left;
    }
    return { leaf: node && { key: node.key, value_hash: node.valueHash }, siblings };
  }

  /** That all keys up to this one, which the tree has, are its complete left part (7.2). */
  rangeProof(key: HashValue): { readonly right_siblings: HashValue[] } {
    assert(this.get(key) !== undefined, 'the last key of a range is in the tree');
    const { siblings } = this.proof(key);
    return { right_siblings: siblings.filter((_, depth) => keyBit(key, 0, depth) === 0).reverse() };
  }
}
