import { MerkleError } from './merkle-error.js';

/** An accumulator has at most 2^63 leaves, so a proof has at most 63 siblings on a side. */
export const ACCUMULATOR_LEVELS_MAX = 63;
export const ACCUMULATOR_LEAVES_MAX = 1n << BigInt(ACCUMULATOR_LEVELS_MAX);

/** The number of set bits; `value` is not negative. */
export function populationCount(value: bigint): number {
  let count = 0;
  for (const digit of value.toString(2)) if (digit === '1') count++;
  return count;
}

/** Levels above the leaves: the bit length of leafCount - 1 (spec: formats.md, section 6). */
export function accumulatorHeight(leafCount: bigint): number {
  return leafCount <= 1n ? 0 : (leafCount - 1n).toString(2).length;
}

/** Which range of which tree a proof is about, and how many siblings it brings. */
export interface RangeProofShape {
  readonly firstIndex: bigint;
  readonly lastIndex: bigint;
  /** Leaves of the whole tree: the version of the ledger info plus one. */
  readonly leafCount: bigint;
  readonly leftCount: number;
  readonly rightCount: number;
}

function requireCount(side: 'left' | 'right', expected: number, actual: number): void {
  if (actual === expected) return;
  const missing = side === 'left' ? 'MERKLE_MISSING_LEFT_SIBLING' : 'MERKLE_MISSING_RIGHT_SIBLING';
  throw new MerkleError(
    actual < expected ? missing : 'MERKLE_EXTRA_SIBLINGS',
    `the range takes ${expected} ${side} siblings, the proof has ${actual}`,
    { facts: { side, expected, actual } },
  );
}

/** @throws MerkleError MERKLE_TOO_MANY_SIBLINGS */
export function requireSiblingLimit(side: 'left' | 'right', actual: number): void {
  if (actual <= ACCUMULATOR_LEVELS_MAX) return;
  throw new MerkleError(
    'MERKLE_TOO_MANY_SIBLINGS',
    `the proof has ${actual} ${side} siblings, more than ${ACCUMULATOR_LEVELS_MAX}`,
    { facts: { side, actual } },
  );
}

/**
 * Left siblings are the frozen subtree roots of the leaves before the range: one a set bit of its first
 * index (spec: formats.md, 6.2 a).
 * @throws MerkleError MERKLE_TOO_MANY_SIBLINGS, MERKLE_MISSING_LEFT_SIBLING, MERKLE_EXTRA_SIBLINGS
 */
export function checkLeftSiblingCount(firstIndex: bigint, leftCount: number): void {
  requireSiblingLimit('left', leftCount);
  requireCount('left', populationCount(firstIndex), leftCount);
}

/**
 * What can be said about a range proof without its leaves: the range lies in the tree, and each side has
 * exactly the siblings that its place takes (spec: formats.md, 6.2 a and b).
 * @throws MerkleError MERKLE_EMPTY_RANGE, MERKLE_INDEX_OUT_OF_RANGE, MERKLE_TOO_MANY_LEAVES,
 *   MERKLE_TOO_MANY_SIBLINGS, MERKLE_MISSING_LEFT_SIBLING, MERKLE_MISSING_RIGHT_SIBLING,
 *   MERKLE_EXTRA_SIBLINGS
 */
export function checkRangeProofShape(shape: RangeProofShape): void {
  const { firstIndex, lastIndex, leafCount, leftCount, rightCount } = shape;
  const facts = { firstIndex, lastIndex, leafCount };
  if (leafCount > ACCUMULATOR_LEAVES_MAX) {
    throw new MerkleError('MERKLE_TOO_MANY_LEAVES', `no accumulator has ${leafCount} leaves`, { facts });
  }
  if (lastIndex < firstIndex) {
    const message = `the range from ${firstIndex} to ${lastIndex} has no leaves`;
    throw new MerkleError('MERKLE_EMPTY_RANGE', message, { facts });
  }
  if (firstIndex < 0n || lastIndex >= leafCount) {
    const message = `the range from ${firstIndex} to ${lastIndex} is not within ${leafCount} leaves`;
    throw new MerkleError('MERKLE_INDEX_OUT_OF_RANGE', message, { facts });
  }
  checkLeftSiblingCount(firstIndex, leftCount);
  requireSiblingLimit('right', rightCount);
  requireCount('right', accumulatorHeight(leafCount) - populationCount(lastIndex), rightCount);
}
