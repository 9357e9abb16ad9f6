import { HASH_SIZE, toHex } from '../hashing/hash-value.js';

/** Whether the 32 bytes at `left[leftStart]` and at `right[rightStart]` are the same. */
export function sameHashAt(
  left: Uint8Array,
  leftStart: number,
  right: Uint8Array,
  rightStart: number,
): boolean {
  for (let index = 0; index < HASH_SIZE; index++) {
    if (left[leftStart + index] !== right[rightStart + index]) return false;
  }
  return true;
}

/** The 32 bytes at `bytes[start]` as hex. */
export function hashHexAt(bytes: Uint8Array, start: number): string {
  return toHex(bytes.subarray(start, start + HASH_SIZE));
}
