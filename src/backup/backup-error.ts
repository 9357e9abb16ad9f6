import { HoldfastError } from '../errors/holdfast-error.js';

/** Why a backup is not taken. What the service or the storage did wrong has their own codes. */
export type BackupErrorCode =
  /** The range is empty, or goes beyond 64 bits. */
  | 'RANGE_INVALID'
  /** The node has not committed all of the range yet. */
  | 'RANGE_NOT_COMMITTED'
  /** The epoch has not ended yet on the node. */
  | 'EPOCH_NOT_ENDED'
  /** Part of the range is in the archive already: a second backup of it would make its readers stumble. */
  | 'RANGE_OVERLAPS_BACKUP'
  /** The state of the version has no items. */
  | 'STATE_EMPTY'
  /** The node has no committed ledger info yet; retryable. */
  | 'NODE_NOT_BOOTSTRAPPED'
  /** The node serves another chain than the one that the archive holds. */
  | 'OTHER_CHAIN'
  /** The archive's own epoch endings cannot be read or are not vouched for, so nothing can build on them. */
  | 'ARCHIVE_ENDINGS_UNPROVEN'
  /** What an interrupted backup left is not what it should be, so it cannot be gone on with. */
  | 'UNFINISHED_BACKUP_SPOILED';

/** Facts: `first`, `last`, `epoch`, `version`, `handle`, `expected`, `actual` where they apply. */
export class BackupError extends HoldfastError<BackupErrorCode> {}
