import { HASH_SIZE, type HashValue, toHex } from '../hashing/hash-value.js';
import { KEY_BITS, sharedPrefixBits } from './key-bits.js';
import { MerkleError } from './merkle-error.js';
import { packedLeafHashes, type SparseMerkleHashers } from './sparse-merkle-hashers.js';
import type { LeftEdge, SubtreeRun, SubtreeRunBuilder } from './subtree-run.js';

/** Leaves whose hashes are computed at once; also bounds the nodes that wait for theirs. */
const BLOCK_LEAVES = 4096;

/** Consecutive leaves in key order, 32 bytes a key and a value hash. */
export interface PackedLeaves {
  readonly keys: Uint8Array;
  readonly valueHashes: Uint8Array;
  readonly count: number;
}

/** The gap on the left of a key, or an error if it does not follow the other. */
export function gapBetween(
  before: Uint8Array,
  beforeStart: number,
  keys: Uint8Array,
  start: number,
  index: number,
): number {
  const gap = sharedPrefixBits(before, beforeStart, keys, start);
  const byte = gap >> 3;
  if (gap < KEY_BITS && (before[beforeStart + byte] ?? 0) < (keys[start + byte] ?? 0)) return gap;
  const previous = toHex(before.subarray(beforeStart, beforeStart + HASH_SIZE));
  const key = toHex(keys.subarray(start, start + HASH_SIZE));
  throw new MerkleError('MERKLE_KEYS_NOT_INCREASING', `state key ${key} does not follow ${previous}`, {
    facts: { index, previous, key },
  });
}

/**
 * The run of leaves that follow `run`, whose last key is `lastKey`.
 * @throws MerkleError MERKLE_KEYS_NOT_INCREASING, before anything is hashed
 */
export function appendLeaves(
  hashers: SparseMerkleHashers,
  builder: SubtreeRunBuilder,
  edge: LeftEdge,
  run: SubtreeRun,
  lastKey: HashValue | undefined,
  leaves: PackedLeaves,
): SubtreeRun {
  const { keys, valueHashes, count } = leaves;
  const gaps = new Int16Array(count);
  for (let index = 0; index < count; index++) {
    const start = index * HASH_SIZE;
    if (index > 0) gaps[index] = gapBetween(keys, start - HASH_SIZE, keys, start, index);
    else if (lastKey) gaps[0] = gapBetween(lastKey, 0, keys, 0, 0);
  }
  let grown = run;
  for (let first = 0; first < count; first += BLOCK_LEAVES) {
    const size = Math.min(BLOCK_LEAVES, count - first);
    const leafHashes = packedLeafHashes(hashers.leaf, keys, valueHashes, first, size);
    builder.start(edge, grown);
    builder.pushLeaves(keys, first, size, leafHashes, gaps);
    grown = builder.finish();
  }
  return grown;
}
