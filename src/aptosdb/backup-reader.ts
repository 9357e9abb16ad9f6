import type { HashValue } from '../hashing/hash-value.js';
import type { DbState } from '../types/proofs.js';

/** What every call takes: aborting ends a stream at its next record. */
export interface BackupReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a backup service serves, whatever holds it (spec: backup-service.md, sections 3 and 3.1; the
 * ledger info of each proof is chosen as there). Single values and records are BCS bytes; each yielded
 * array belongs to the receiver. Streams fail with an error in the middle where the reference breaks the
 * connection; a stream that simply ends early where the reference's does is no failure.
 */
export interface BackupReader {
  /** Undefined while there is no committed ledger info. */
  dbState(): Promise<DbState | undefined>;
  /** Endings of [startEpoch, endEpoch): `LedgerInfoWithSignatures`. */
  epochEndingLedgerInfos(
    startEpoch: bigint,
    endEpoch: bigint,
    options?: BackupReadOptions,
  ): AsyncIterable<Uint8Array>;
  /** Up to `count` records of format V1 from `startVersion` on. */
  transactions(startVersion: bigint, count: bigint, options?: BackupReadOptions): AsyncIterable<Uint8Array>;
  /** `(AccumulatorRangeProof, LedgerInfoWithSignatures)` of an inclusive range. */
  transactionRangeProof(firstVersion: bigint, lastVersion: bigint): Promise<Uint8Array>;
  /** Leaves of the tree whose root was written at exactly this version. */
  stateItemCount(version: bigint): Promise<bigint>;
  /** `(StateKey, StateValue)` of items [startIndex, startIndex + limit), by ascending key hash. */
  stateItems(
    version: bigint,
    startIndex: bigint,
    limit: bigint,
    options?: BackupReadOptions,
  ): AsyncIterable<Uint8Array>;
  /** `SparseMerkleRangeProof` up to a key hash that must be in the tree. */
  stateRangeProof(version: bigint, endKey: HashValue): Promise<Uint8Array>;
  /** `(TransactionInfoWithProof, LedgerInfoWithSignatures)`. */
  stateRootProof(version: bigint): Promise<Uint8Array>;
}
