import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';

function padded(text: string): HashValue {
  const bytes = new Uint8Array(HASH_SIZE);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
}

// Both are the literal text padded with zeros, not a hash of it (spec: formats.md, section 2).
// They are shared: nobody writes to them.

/** Stands for every accumulator node without leaves, at any level, and is the root of an empty one. */
export const ACCUMULATOR_PLACEHOLDER: HashValue = padded('ACCUMULATOR_PLACEHOLDER_HASH');

/** Stands for every empty subtree of a sparse Merkle tree, and is the root of an empty one. */
export const SPARSE_MERKLE_PLACEHOLDER: HashValue = padded('SPARSE_MERKLE_PLACEHOLDER_HASH');
