import type { DomainHasher } from '../hashing/domain-hasher.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { ACCUMULATOR_PLACEHOLDER } from './placeholders.js';

/**
 * The root over `count` leaf hashes that lie one after the other in `packedLeaves`, which is only read
 * (spec: formats.md, section 6). No leaves give the placeholder; otherwise the result is a new array.
 */
export function accumulatorRoot(hasher: DomainHasher, packedLeaves: Uint8Array, count: number): HashValue {
  if (count === 0) return ACCUMULATOR_PLACEHOLDER;
  if (count === 1) return packedLeaves.slice(0, HASH_SIZE);
  const nodes = new Uint8Array((count + 1) * HASH_SIZE);
  nodes.set(packedLeaves.subarray(0, count * HASH_SIZE));
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    if (width % 2 === 1) nodes.set(ACCUMULATOR_PLACEHOLDER, width * HASH_SIZE);
    hasher.level(nodes, 0, Math.ceil(width / 2));
  }
  return nodes.slice(0, HASH_SIZE);
}
