import { HASH_SIZE } from '../hashing/hash-value.js';

/** Bits of a state key hash, and so the greatest depth of a sparse Merkle tree. */
export const KEY_BITS = 8 * HASH_SIZE;

/** Bit `index` of the key that begins at `keys[start]`, the most significant bit first. */
export function keyBit(keys: Uint8Array, start: number, index: number): 0 | 1 {
  const byte = keys[start + (index >> 3)] ?? 0;
  return ((byte >> (7 - (index & 7))) & 1) as 0 | 1;
}

/** The number of leading bits that two keys share: the first bit that differs, or 256 for equal keys. */
export function sharedPrefixBits(
  left: Uint8Array,
  leftStart: number,
  right: Uint8Array,
  rightStart: number,
): number {
  for (let index = 0; index < HASH_SIZE; index++) {
    const difference = (left[leftStart + index] ?? 0) ^ (right[rightStart + index] ?? 0);
    if (difference !== 0) return 8 * index + Math.clz32(difference) - 24;
  }
  return KEY_BITS;
}
