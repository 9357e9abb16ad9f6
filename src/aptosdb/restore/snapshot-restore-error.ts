import { HoldfastError } from '../../errors/holdfast-error.js';

/** Why a state snapshot is not written, or cannot be gone on with. */
export type SnapshotRestoreErrorCode =
  /** The tree of the items has another root than the snapshot; facts: `expected`, `actual`. */
  | 'RESTORE_ROOT_MISMATCH'
  /** Saved progress is damaged, of another snapshot, or the database lacks what it says was written. */
  | 'RESTORE_PROGRESS_MISMATCH'
  /** The usage on record for the version counts other items than the tree has; facts as above. */
  | 'RESTORE_USAGE_MISMATCH'
  /** An earlier call failed halfway: go on from the last checkpoint with a new writer. */
  | 'RESTORE_WRITER_FAILED';

/** A state snapshot that cannot be written, or gone on with. */
export class SnapshotRestoreError extends HoldfastError<SnapshotRestoreErrorCode> {}

/** @throws SnapshotRestoreError RESTORE_PROGRESS_MISMATCH */
export function refuseProgress(reason: string, facts: Readonly<Record<string, unknown>> = {}): never {
  throw new SnapshotRestoreError(
    'RESTORE_PROGRESS_MISMATCH',
    `the saved progress cannot be gone on with: ${reason}`,
    {
      facts,
      hint: 'Discard the progress and begin the snapshot anew: rows that are there are written again.',
    },
  );
}
