import type { DomainHasher } from '../hashing/domain-hasher.js';
import { HASH_SIZE } from '../hashing/hash-value.js';

/** The two domains of a sparse Merkle tree (spec: formats.md, section 7). */
export interface SparseMerkleHashers {
  /** Over key hash and value hash. */
  readonly leaf: DomainHasher;
  /** Over left and right child. */
  readonly internal: DomainHasher;
}

/** Those of a ledger family: takes the value of `ledgerHashers`. */
export function sparseMerkleHashers(ledger: {
  readonly sparseMerkleLeaf: DomainHasher;
  readonly sparseMerkleInternal: DomainHasher;
}): SparseMerkleHashers {
  return { leaf: ledger.sparseMerkleLeaf, internal: ledger.sparseMerkleInternal };
}

/**
 * Leaf hashes of `count` pairs from `first` on, in one batch. Keys and value hashes are packed, 32 bytes
 * each, and only read. The hashes stand in the first `32 * count` bytes of the result, a new array.
 */
export function packedLeafHashes(
  hasher: DomainHasher,
  packedKeys: Uint8Array,
  packedValueHashes: Uint8Array,
  first: number,
  count: number,
): Uint8Array {
  const nodes = new Uint8Array(2 * HASH_SIZE * count);
  for (let index = 0; index < count; index++) {
    const from = (first + index) * HASH_SIZE;
    const to = 2 * index * HASH_SIZE;
    nodes.set(packedKeys.subarray(from, from + HASH_SIZE), to);
    nodes.set(packedValueHashes.subarray(from, from + HASH_SIZE), to + HASH_SIZE);
  }
  hasher.level(nodes, 0, count);
  return nodes;
}
