import type { HashValue } from '../hashing/hash-value.js';
import { equalBytes, toHex } from '../hashing/hash-value.js';
import type { SparseMerkleLeafNode } from '../types/proofs.js';
import { KEY_BITS, keyBit, sharedPrefixBits } from './key-bits.js';
import { MerkleError, requireRoot } from './merkle-error.js';
import { SPARSE_MERKLE_PLACEHOLDER } from './placeholders.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';

export interface SparseMerkleClaim {
  readonly root: HashValue;
  readonly key: HashValue;
  /** Undefined claims that the tree does not have the key. */
  readonly valueHash: HashValue | undefined;
  readonly leaf: SparseMerkleLeafNode | undefined;
  /** From the root to the bottom, placeholders included. */
  readonly siblings: readonly HashValue[];
}

/**
 * Proves that a tree has a key with a value hash, or does not have the key (spec: formats.md, 7.1).
 * @throws MerkleError MERKLE_TOO_MANY_SIBLINGS, MERKLE_LEAF_MISMATCH, MERKLE_ROOT_MISMATCH
 */
export function verifySparseMerkleProof(hashers: SparseMerkleHashers, claim: SparseMerkleClaim): void {
  const { root, key, valueHash, leaf, siblings } = claim;
  requireDepth(siblings.length);
  if (valueHash !== undefined) requireIncluded(key, valueHash, leaf);
  else if (leaf !== undefined) requireExcluded(key, leaf, siblings.length);
  let current = leaf ? hashers.leaf.pair(leaf.key, leaf.value_hash) : SPARSE_MERKLE_PLACEHOLDER;
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth] ?? SPARSE_MERKLE_PLACEHOLDER;
    current = keyBit(key, 0, depth)
      ? hashers.internal.pair(sibling, current)
      : hashers.internal.pair(current, sibling);
  }
  requireRoot(`the proof of key ${toHex(key)}`, root, current);
}

function requireDepth(actual: number): void {
  if (actual <= KEY_BITS) return;
  const message = `the proof has ${actual} siblings, more than ${KEY_BITS}`;
  throw new MerkleError('MERKLE_TOO_MANY_SIBLINGS', message, { facts: { actual } });
}

function mismatch(message: string, key: HashValue, leaf: SparseMerkleLeafNode | undefined): MerkleError {
  const found = leaf && { key: toHex(leaf.key), value_hash: toHex(leaf.value_hash) };
  return new MerkleError('MERKLE_LEAF_MISMATCH', message, { facts: { key: toHex(key), leaf: found } });
}

function requireIncluded(key: HashValue, valueHash: HashValue, leaf: SparseMerkleLeafNode | undefined): void {
  if (leaf === undefined) throw mismatch('the proof has no leaf for the key', key, leaf);
  if (!equalBytes(leaf.key, key)) throw mismatch('the leaf of the proof has another key', key, leaf);
  if (!equalBytes(leaf.value_hash, valueHash)) {
    throw mismatch('the leaf of the proof has another value hash', key, leaf);
  }
}

function requireExcluded(key: HashValue, leaf: SparseMerkleLeafNode, depth: number): void {
  const shared = sharedPrefixBits(key, 0, leaf.key, 0);
  if (shared === KEY_BITS) throw mismatch('the tree has the key', key, leaf);
  if (shared < depth) {
    throw mismatch(
      `the leaf shares ${shared} bits with the key, not ${depth}: it excludes nothing`,
      key,
      leaf,
    );
  }
}

export interface SparseMerkleRangeClaim {
  readonly root: HashValue;
  /** The last leaf of the range. */
  readonly key: HashValue;
  readonly valueHash: HashValue;
  /** Hashes of what lies left of the last leaf, from the bottom to the root, placeholders included. */
  readonly leftSiblings: readonly HashValue[];
  /** Of what lies right of it, from the bottom to the root, placeholders included. */
  readonly rightSiblings: readonly HashValue[];
}

/**
 * Proves that a leaf and all that `leftSiblings` stand for are the complete left part of the tree
 * (spec: formats.md, 7.2). Chunks are verified by `StateTreeFrontier`, which knows the left side.
 * @throws MerkleError MERKLE_TOO_MANY_SIBLINGS, MERKLE_MISSING_LEFT_SIBLING, MERKLE_MISSING_RIGHT_SIBLING,
 *   MERKLE_ROOT_MISMATCH
 */
export function verifySparseMerkleRangeProof(
  hashers: SparseMerkleHashers,
  claim: SparseMerkleRangeClaim,
): void {
  const { key, leftSiblings, rightSiblings } = claim;
  const height = leftSiblings.length + rightSiblings.length;
  requireDepth(height);
  let current = hashers.leaf.pair(key, claim.valueHash);
  let leftTaken = 0;
  let rightTaken = 0;
  for (let depth = height - 1; depth >= 0; depth--) {
    const isRight = keyBit(key, 0, depth) === 1;
    const sibling = isRight ? leftSiblings[leftTaken++] : rightSiblings[rightTaken++];
    if (sibling === undefined) {
      throw new MerkleError(
        isRight ? 'MERKLE_MISSING_LEFT_SIBLING' : 'MERKLE_MISSING_RIGHT_SIBLING',
        `the path of the last key takes another ${isRight ? 'left' : 'right'} sibling at depth ${depth}`,
        { facts: { depth } },
      );
    }
    current = isRight ? hashers.internal.pair(sibling, current) : hashers.internal.pair(current, sibling);
  }
  requireRoot(`the range proof up to key ${toHex(key)}`, claim.root, current);
}
