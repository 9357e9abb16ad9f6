import { equalBytes } from '../hashing/hash-value.js';
import { rootFromNeighbours } from '../merkle/accumulator-proof.js';
import { MerkleError } from '../merkle/merkle-error.js';
import type { VerifyContext } from './context.js';
import type { ChunkOutcome } from './transaction-chunk.js';

/** What one chunk leaves behind must be what the next one begins with, whoever signed either. */
export function compareNeighbours(
  context: VerifyContext,
  earlier: ChunkOutcome | undefined,
  later: ChunkOutcome,
): void {
  if (!earlier?.proof || !later.proof) return;
  if (earlier.chunk.lastVersion + 1n !== later.chunk.firstVersion) return;
  const [{ left_siblings: left }] = later.proof;
  // Records that contradict their own proof are a finding already and say nothing about the neighbour.
  if (earlier.recordsRead && !earlier.accumulator) return;
  const agree = earlier.accumulator
    ? sameHashes(earlier.accumulator.frozenRoots, left.toReversed())
    : agreeWithoutRecords(context, earlier.proof, later.chunk.firstVersion, left);
  if (agree) return;
  context.findings.add({
    code: 'NEIGHBOURS_DISAGREE',
    message: `the proofs on both sides of version ${later.chunk.firstVersion} tell different ledgers before it`,
    file: later.chunk.proof,
    otherFiles: [earlier.chunk.proof],
    versions: [earlier.chunk.firstVersion, later.chunk.lastVersion],
  });
}

/** Two adjacent proofs give the earlier one's root without a record (spec: formats.md, 6.2 c). */
function agreeWithoutRecords(
  { hashers }: VerifyContext,
  [{ right_siblings: earlierRightSiblings }, signed]: NonNullable<ChunkOutcome['proof']>,
  boundary: bigint,
  laterLeftSiblings: readonly Uint8Array[],
): boolean {
  try {
    const neighbours = { boundary, laterLeftSiblings, earlierRightSiblings };
    const root = rootFromNeighbours(hashers.transactionAccumulator, neighbours);
    return equalBytes(root, signed.value.ledger_info.commit_info.executed_state_id);
  } catch (error) {
    if (error instanceof MerkleError) return false;
    throw error;
  }
}

function sameHashes(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  return (
    left.length === right.length &&
    left.every((hash, index) => equalBytes(hash, right[index] ?? hash.slice(1)))
  );
}
