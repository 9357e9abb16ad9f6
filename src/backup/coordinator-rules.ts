/** What the node has. */
export interface NodeState {
  readonly epoch: bigint;
  readonly committedVersion: bigint;
}

/** The next backup of a kind, both ends inclusive: up to the next multiple of the batch size. */
export function batchRange(last: bigint | undefined, batchSize: bigint): readonly [bigint, bigint] {
  return last === undefined ? [0n, 0n] : [last + 1n, (last / batchSize + 1n) * batchSize];
}

/**
 * The epoch of the next snapshot, which may not have ended yet: the next multiple of the interval, or a
 * later one when that is what the node is at already (spec: backup-format.md, section 9).
 */
export function nextSnapshotEpoch(last: bigint | undefined, nodeEpoch: bigint, interval: bigint): bigint {
  const due = last === undefined ? 0n : (last / interval + 1n) * interval;
  const newest = ((nodeEpoch > 0n ? nodeEpoch - 1n : 0n) / interval) * interval;
  return due > newest ? due : newest;
}

/** The epochs between two snapshots of which one was due. */
export function skippedEpochs(last: bigint | undefined, taken: bigint, interval: bigint): bigint[] {
  const skipped: bigint[] = [];
  if (last === undefined) return skipped;
  for (let due = (last / interval + 1n) * interval; due < taken; due += interval) skipped.push(due);
  return skipped;
}
