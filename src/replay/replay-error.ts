import { HoldfastError } from '../errors/holdfast-error.js';

/** Why a replay, or a plan of replays, is not begun. */
export type ReplayErrorCode =
  /** The first version lies behind the last one. */
  | 'REPLAY_RANGE_INVERTED'
  /** The archive holds no transaction of the range behind the snapshot that it starts from. */
  | 'REPLAY_TRANSACTIONS_MISSING'
  /** A range of versions is not of the form `first-last`. */
  | 'REPLAY_RANGE_MALFORMED'
  /** The archive holds no transaction backup, or no state snapshot, to plan replays from. */
  | 'REPLAY_NOTHING_TO_PLAN';

/** A replay that cannot be done as it was asked for. */
export class ReplayError extends HoldfastError<ReplayErrorCode> {}
