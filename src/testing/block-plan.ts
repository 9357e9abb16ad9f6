import assert from 'node:assert';
import type { SeededRandom } from './seeded-random.js';

/** How many versions of which epoch a ledger has. */
export interface LedgerShape {
  /** Epochs that have ended: 0 to `epochs - 1`; the one after them is open. */
  readonly epochs: number;
  /** All versions, genesis included. */
  readonly transactions: number;
  readonly firstEpochEndsAt: number;
}

/** Consecutive versions that are committed together; the last of them carries the state's root. */
export interface PlannedBlock {
  readonly epoch: number;
  readonly firstVersion: number;
  readonly lastVersion: number;
  readonly endsEpoch: boolean;
}

const BLOCK_SIZE_MIN = 3;
const BLOCK_SIZE_MAX = 14;

/**
 * Cuts a ledger into blocks: genesis, the rest of epoch 0 if there is one, and the other epochs, which
 * share the remaining versions evenly. The open epoch may stay empty, an epoch that ends may not.
 */
export function planBlocks(random: SeededRandom, shape: LedgerShape): PlannedBlock[] {
  const { epochs, transactions, firstEpochEndsAt } = shape;
  const rest = transactions - 1 - firstEpochEndsAt;
  assert(epochs >= 1, 'epoch 0 ends with genesis or soon after it');
  assert(rest >= epochs - 1, `${transactions} transactions are too few for ${epochs} ended epochs`);
  const blocks: PlannedBlock[] = [
    { epoch: 0, firstVersion: 0, lastVersion: 0, endsEpoch: firstEpochEndsAt === 0 },
  ];
  if (firstEpochEndsAt > 0) {
    blocks.push({ epoch: 0, firstVersion: 1, lastVersion: firstEpochEndsAt, endsEpoch: true });
  }
  let next = firstEpochEndsAt + 1;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    // Larger shares first, so that what ends has at least one version.
    const share = Math.ceil((transactions - next) / (epochs + 1 - epoch));
    blocks.push(...planEpoch(random, epoch, next, share, epoch < epochs));
    next += share;
  }
  return blocks;
}

function planEpoch(
  random: SeededRandom,
  epoch: number,
  firstVersion: number,
  count: number,
  ends: boolean,
): PlannedBlock[] {
  const blocks: PlannedBlock[] = [];
  const end = firstVersion + count;
  for (let next = firstVersion; next < end; ) {
    const size = random.int(BLOCK_SIZE_MIN, BLOCK_SIZE_MAX);
    const left = end - next - size;
    // A tail too short for a block of its own joins the block before it.
    const lastVersion = left < BLOCK_SIZE_MIN ? end - 1 : next + size - 1;
    blocks.push({ epoch, firstVersion: next, lastVersion, endsEpoch: ends && lastVersion === end - 1 });
    next = lastVersion + 1;
  }
  return blocks;
}
