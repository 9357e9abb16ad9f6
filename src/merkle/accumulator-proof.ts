import type { DomainHasher } from '../hashing/domain-hasher.js';
import type { HashValue } from '../hashing/hash-value.js';
import { Accumulator } from './accumulator.js';
import {
  ACCUMULATOR_LEVELS_MAX,
  accumulatorHeight,
  checkRangeProofShape,
  requireSiblingLimit,
} from './accumulator-shape.js';
import { MerkleError, requireRoot } from './merkle-error.js';

export interface AccumulatorProofClaim {
  readonly root: HashValue;
  readonly leafHash: HashValue;
  readonly index: bigint;
  /** From the bottom to the root, placeholders included. */
  readonly siblings: readonly HashValue[];
  /** Leaves of the tree where known: then the number of siblings must be its height. */
  readonly leafCount?: bigint;
}

/**
 * Proves one leaf (spec: formats.md, 6.1). Stricter than the reference: the index must lie within the
 * tree that the siblings span, and the number of siblings must fit `leafCount` where it is given.
 * @throws MerkleError MERKLE_TOO_MANY_SIBLINGS, MERKLE_INDEX_OUT_OF_RANGE, MERKLE_MISSING_SIBLING,
 *   MERKLE_EXTRA_SIBLINGS, MERKLE_ROOT_MISMATCH
 */
export function verifyAccumulatorProof(hasher: DomainHasher, claim: AccumulatorProofClaim): void {
  const { index, siblings, leafCount } = claim;
  const actual = siblings.length;
  if (actual > ACCUMULATOR_LEVELS_MAX) {
    const message = `the proof has ${actual} siblings, more than ${ACCUMULATOR_LEVELS_MAX}`;
    throw new MerkleError('MERKLE_TOO_MANY_SIBLINGS', message, { facts: { actual } });
  }
  if (leafCount !== undefined && index < leafCount && accumulatorHeight(leafCount) !== actual) {
    const expected = accumulatorHeight(leafCount);
    throw new MerkleError(
      actual < expected ? 'MERKLE_MISSING_SIBLING' : 'MERKLE_EXTRA_SIBLINGS',
      `a proof among ${leafCount} leaves has ${expected} siblings, not ${actual}`,
      { facts: { leafCount, expected, actual } },
    );
  }
  if (index < 0n || index >= (leafCount ?? 1n << BigInt(actual))) {
    const message = `leaf ${index} lies outside the tree of the proof`;
    throw new MerkleError('MERKLE_INDEX_OUT_OF_RANGE', message, { facts: { index, leafCount } });
  }
  let current = claim.leafHash;
  let position = index;
  for (const sibling of siblings) {
    current = position & 1n ? hasher.pair(sibling, current) : hasher.pair(current, sibling);
    position >>= 1n;
  }
  requireRoot(`the proof of leaf ${index}`, claim.root, current);
}

export interface AccumulatorRangeClaim {
  readonly root: HashValue;
  /** Undefined for the proof of an empty range, which has neither leaves nor siblings. */
  readonly firstIndex: bigint | undefined;
  /** `count` leaf hashes one after the other; only read. */
  readonly packedLeaves: Uint8Array;
  readonly count: number;
  /** From the bottom to the root. */
  readonly leftSiblings: readonly HashValue[];
  /** From the bottom to the root, placeholders included. */
  readonly rightSiblings: readonly HashValue[];
  /** Leaves of the tree where known: then the number of siblings must fit it. */
  readonly leafCount?: bigint;
}

/**
 * Proves consecutive leaves (spec: formats.md, 6.2). Stricter than the reference: left siblings must be
 * exactly as many as the first index takes, so that the index cannot be claimed too high.
 * @throws MerkleError MERKLE_EMPTY_RANGE, MERKLE_EXTRA_SIBLINGS, MERKLE_TOO_MANY_SIBLINGS,
 *   MERKLE_MISSING_LEFT_SIBLING, MERKLE_MISSING_RIGHT_SIBLING, MERKLE_INDEX_OUT_OF_RANGE,
 *   MERKLE_TOO_MANY_LEAVES, MERKLE_ROOT_MISMATCH
 */
export function verifyAccumulatorRangeProof(hasher: DomainHasher, claim: AccumulatorRangeClaim): void {
  const { firstIndex, count, leftSiblings, rightSiblings, leafCount } = claim;
  if (firstIndex === undefined) {
    requireNothing(claim);
    return;
  }
  requireSiblingLimit('left', leftSiblings.length);
  requireSiblingLimit('right', rightSiblings.length);
  if (count === 0) throw new MerkleError('MERKLE_EMPTY_RANGE', 'the range has a first index but no leaves');
  if (leafCount !== undefined) {
    const lastIndex = firstIndex + BigInt(count) - 1n;
    const counts = { leftCount: leftSiblings.length, rightCount: rightSiblings.length };
    checkRangeProofShape({ firstIndex, lastIndex, leafCount, ...counts });
  }
  const accumulator = Accumulator.fromLeftSiblings(hasher, leftSiblings, firstIndex);
  accumulator.appendMany(claim.packedLeaves, count);
  accumulator.verify(rightSiblings, claim.root);
}

function requireNothing(claim: AccumulatorRangeClaim): void {
  if (claim.count > 0) {
    throw new MerkleError('MERKLE_EMPTY_RANGE', 'the range has leaves but no first index');
  }
  if (claim.leftSiblings.length + claim.rightSiblings.length > 0) {
    throw new MerkleError('MERKLE_EXTRA_SIBLINGS', 'the proof of an empty range takes no siblings');
  }
}

export interface NeighbourSiblings {
  /** First index of the later range: one after the last of the earlier range. */
  readonly boundary: bigint;
  /** Left siblings of the later range's proof, from the bottom to the root. */
  readonly laterLeftSiblings: readonly HashValue[];
  /** Right siblings of the earlier range's proof, from the bottom to the root. */
  readonly earlierRightSiblings: readonly HashValue[];
}

/**
 * The root that two adjacent ranges imply for the earlier one's tree, without any of their leaves
 * (spec: formats.md, 6.2 c). It must be the root in the earlier range's ledger info.
 * @throws MerkleError MERKLE_EMPTY_RANGE (boundary 0), MERKLE_TOO_MANY_SIBLINGS, MERKLE_MISSING_LEFT_SIBLING,
 *   MERKLE_MISSING_RIGHT_SIBLING, MERKLE_EXTRA_SIBLINGS, MERKLE_TOO_MANY_LEAVES
 */
export function rootFromNeighbours(hasher: DomainHasher, neighbours: NeighbourSiblings): HashValue {
  const { boundary, laterLeftSiblings, earlierRightSiblings } = neighbours;
  if (boundary < 1n) throw new MerkleError('MERKLE_EMPTY_RANGE', 'no range ends before leaf 0');
  const before = Accumulator.fromLeftSiblings(hasher, laterLeftSiblings, boundary);
  return before.rootWithRightSiblings(earlierRightSiblings);
}
