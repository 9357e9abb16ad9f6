import type { BcsError } from '../bcs/bcs-error.js';

/** What can be wrong with a record by itself. */
export type RecordFaultCode =
  | 'RECORD_INVALID'
  | 'TRANSACTION_HASH_MISMATCH'
  | 'EVENT_ROOT_MISMATCH'
  | 'STATE_CHANGE_HASH_MISMATCH'
  | 'AUXILIARY_INFO_HASH_MISMATCH';

/** What is wrong with one record; `offset` is within the batch's bytes. */
export interface RecordFault {
  readonly code: RecordFaultCode;
  readonly message: string;
  /** 0-based in its file or stream. */
  readonly record: number;
  readonly offset: number;
  readonly expected?: string;
  readonly actual?: string;
  /** Set for RECORD_INVALID: the refusal of the codec. */
  readonly error?: BcsError;
}
