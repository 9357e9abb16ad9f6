import type { DomainHasher } from '../hashing/domain-hasher.js';
import { HASH_SIZE } from '../hashing/hash-value.js';

/** A hash in 32-bit words: copying words in a loop beats making two views a hash. */
const HASH_WORDS = HASH_SIZE / 4;

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
  const words = new Int32Array(2 * HASH_WORDS * count);
  const keys = hashWords(packedKeys, first, count);
  const valueHashes = hashWords(packedValueHashes, first, count);
  for (let index = 0; index < count; index++) {
    const from = index * HASH_WORDS;
    const to = 2 * from;
    for (let word = 0; word < HASH_WORDS; word++) {
      words[to + word] = keys[from + word] ?? 0;
      words[to + HASH_WORDS + word] = valueHashes[from + word] ?? 0;
    }
  }
  const nodes = new Uint8Array(words.buffer);
  hasher.level(nodes, 0, count);
  return nodes;
}

/** Packed hashes as 32-bit words: of the same memory where its place allows, otherwise of a copy. */
function hashWords(packed: Uint8Array, first: number, count: number): Int32Array {
  const from = first * HASH_SIZE;
  const view = packed.subarray(from, from + count * HASH_SIZE);
  const { buffer, byteOffset } = view.byteOffset % 4 === 0 ? view : view.slice();
  return new Int32Array(buffer, byteOffset, count * HASH_WORDS);
}
