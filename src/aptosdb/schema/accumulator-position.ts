import { populationCount } from '../../merkle/accumulator-shape.js';

/** A node of an accumulator: the one with this index on its level; leaves are level 0. */
export interface AccumulatorPosition {
  readonly level: number;
  readonly index: bigint;
}

/** Nodes from left to right, parents between their children: keys of event accumulators. */
export function inOrderIndex({ level, index }: AccumulatorPosition): bigint {
  return (index << BigInt(level + 1)) | ((1n << BigInt(level)) - 1n);
}

export function positionOfInOrder(inOrder: bigint): AccumulatorPosition {
  let level = 0;
  while ((inOrder >> BigInt(level)) & 1n) level++;
  return { level, index: inOrder >> BigInt(level + 1) };
}

/**
 * Nodes in the order in which appending completes them, so that the keys of the transaction accumulator
 * only grow (spec: aptosdb-schema.md, section 7).
 */
export function postOrderIndex({ level, index }: AccumulatorPosition): bigint {
  const firstLeaf = index << BigInt(level);
  return 2n * firstLeaf - BigInt(populationCount(firstLeaf)) + (1n << BigInt(level + 1)) - 2n;
}

export function positionOfPostOrder(postOrder: bigint): AccumulatorPosition {
  let rest = postOrder;
  let leavesBefore = 0n;
  for (let bit = 63; bit >= 0; bit--) {
    const nodes = (1n << BigInt(bit + 1)) - 1n;
    if (rest < nodes) continue;
    rest -= nodes;
    leavesBefore |= 1n << BigInt(bit);
  }
  return { level: Number(rest), index: leavesBefore >> rest };
}

/** How many frozen nodes an accumulator has, which is the first post-order index that it lacks. */
export function frozenNodeCount(leafCount: bigint): bigint {
  return 2n * leafCount - BigInt(populationCount(leafCount));
}

/** Roots of the complete subtrees that cover all leaves, from left to right. */
export function frozenSubtreePositions(leafCount: bigint): AccumulatorPosition[] {
  const positions: AccumulatorPosition[] = [];
  for (let level = leafCount.toString(2).length - 1; level >= 0; level--) {
    const index = leafCount >> BigInt(level);
    if (index & 1n) positions.push({ level, index: index - 1n });
  }
  return positions;
}
