import { HoldfastError } from '../../errors/holdfast-error.js';

/** What a ledger database cannot answer. */
export type LedgerReadErrorCode =
  /** There is no ledger info of the epoch; facts: `epoch`. */
  | 'LEDGER_INFO_MISSING'
  /** A version's row is missing or pruned; facts: `version`, `columnFamily`. */
  | 'LEDGER_VERSION_MISSING'
  /** The accumulator lacks a node that a proof needs. */
  | 'LEDGER_PROOF_INCOMPLETE'
  /** The last version lies before the first, behind the ledger info, or beyond 64 bits. */
  | 'LEDGER_RANGE_INVALID'
  /** An item of the state tree has no value. */
  | 'LEDGER_STATE_VALUE_MISSING';

export class LedgerReadError extends HoldfastError<LedgerReadErrorCode> {}
