import type { RecordBatch } from '../archive/record-file.js';
import { StateRecordHasher } from '../records/state-records.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { invalidRecord } from './transaction-batch.js';

/** Some consecutive state items with what they are in the state tree. */
export interface StateBatch extends RecordBatch {
  /** Index of the first item in the snapshot. */
  readonly firstIndex: bigint;
  /** Key hashes, 32 bytes each. */
  readonly keyHashes: Uint8Array;
  /** Value hashes, 32 bytes each. */
  readonly valueHashes: Uint8Array;
}

/**
 * Hashes keys and values of state records, all of a batch at once; the hashes are arrays of their own.
 * @throws ServiceError SERVICE_RECORD_INVALID
 */
export function hashStateBatch(hashers: LedgerHashers, batch: RecordBatch, firstIndex: bigint): StateBatch {
  const { keyHashes, valueHashes } = new StateRecordHasher(hashers).hash(batch, ({ error, record }) => {
    if (error) throw invalidRecord(`state item ${firstIndex + BigInt(record - batch.firstRecord)}`, error);
  });
  return { ...batch, firstIndex, keyHashes, valueHashes };
}
