import { HoldfastError } from '../errors/holdfast-error.js';

/** Why a restore does not begin, or does not go on. */
export type RestoreErrorCode =
  /** The archive is damaged where the restore reads it; facts: `finding`, as `backup verify` makes it. */
  | 'RESTORE_FINDING'
  /** The archive does not give what was asked for; facts: `codes` of the plan's remarks that say why. */
  | 'RESTORE_UNREACHABLE'
  /** The file system of the target has less room than the database needs. */
  | 'RESTORE_TARGET_FULL'
  /** The target holds something else than an unfinished or finished restore; nothing of it was touched. */
  | 'RESTORE_TARGET_NOT_EMPTY'
  /** The target holds a database that no restore of Holdfast made, or that is in use since. */
  | 'RESTORE_TARGET_HAS_DATABASE'
  /** The target was, or is being, restored from the archive of another chain. */
  | 'RESTORE_TARGET_OTHER_CHAIN'
  /** The target was, or is being, restored with other arguments or from another archive. */
  | 'RESTORE_TARGET_OTHER_RESTORE'
  /** The target's path is no folder, or cannot be looked at. */
  | 'RESTORE_TARGET_UNREADABLE'
  /** What the target says of its restore is damaged, or of a newer release. */
  | 'RESTORE_JOURNAL_UNREADABLE'
  /** The archive no longer holds a backup that the unfinished restore builds upon. */
  | 'RESTORE_ARCHIVE_CHANGED'
  /** The finished database cannot be given its place; what was restored stays where it is. */
  | 'RESTORE_PUBLISH_FAILED'
  /** The restored database lacks what a node's start-up requires; facts: `conditions`. It is not published. */
  | 'RESTORE_UNFIT';

/** A restore that does not begin, or does not go on; whoever catches it decides by its code. */
export class RestoreError extends HoldfastError<RestoreErrorCode> {}
