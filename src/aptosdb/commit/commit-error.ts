import { HoldfastError } from '../../errors/holdfast-error.js';

/** Why transactions are not committed, or a database cannot be committed to. */
export type CommitErrorCode =
  /** The first transaction is not the one that follows the last; facts: `expected`, `actual`. */
  | 'COMMIT_VERSION_UNEXPECTED'
  /** A transaction's parts do not hash to what its info says; facts: `version`, `part`. */
  | 'COMMIT_PART_MISMATCH'
  /** The state after a checkpoint has another root than the info says: a write set is wrong. */
  | 'COMMIT_STATE_ROOT_MISMATCH'
  /** A ledger info does not stand for the transactions that it is committed with. */
  | 'COMMIT_LEDGER_INFO_MISMATCH'
  /** The subtrees before a first version are others than those that the database has, or too few. */
  | 'COMMIT_FROZEN_SUBTREE_MISMATCH'
  /** A block event holds no block. */
  | 'COMMIT_BLOCK_EVENT_INVALID'
  /** The database lacks what commits build on: a row of usage, a frozen subtree, a write set, a tree. */
  | 'COMMIT_DATABASE_INCOMPLETE'
  /** The database has versions already where an empty one is needed. */
  | 'COMMIT_DATABASE_NOT_EMPTY'
  /** An earlier call failed halfway: the database must be opened again, which takes back what it left. */
  | 'COMMIT_WRITER_FAILED'
  /** There is no such version to cut back to, or no state tree at or before it. */
  | 'COMMIT_TARGET_INVALID';

/** Transactions that are not written, or not counted. */
export class CommitError extends HoldfastError<CommitErrorCode> {}
