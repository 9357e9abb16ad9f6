import type { TransactionRecordFormat } from '../../types/transaction-record.js';

/** Transactions that follow each other, whose records were proven: nothing of them is hashed again. */
export interface ProvenTransactions {
  readonly firstVersion: bigint;
  /** What the records lie in; not to be changed until `release` is called, or the next commit returns. */
  readonly bytes: Uint8Array;
  readonly starts: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
  readonly count: number;
  /** V1 unless said otherwise. */
  readonly format?: TransactionRecordFormat | undefined;
  /** Hashes of the transaction infos, packed, where they are at hand. */
  readonly infoHashes?: Uint8Array | undefined;
  /** Called once nobody reads the arrays any more; not after a failure. */
  readonly release?: (() => void) | undefined;
}

/** Some of them that are dealt with at once: `from..to`. */
export interface RecordGroup {
  readonly from: number;
  readonly to: number;
  readonly byteSize: number;
}

/**
 * Bytes of records that become one batch of each instance. Larger ones are no faster, and RocksDB's copies of
 * them take memory that is not given back.
 */
const GROUP_BYTES = 1 << 19;

/** Cuts a chunk into groups. What is written does not depend on where the cuts are. */
export function* groupsOf({ starts, ends, count }: ProvenTransactions): Generator<RecordGroup> {
  let from = 0;
  let byteSize = 0;
  for (let index = 0; index < count; index++) {
    byteSize += (ends[index] ?? 0) - (starts[index] ?? 0);
    if (byteSize < GROUP_BYTES && index < count - 1) continue;
    yield { from, to: index + 1, byteSize };
    from = index + 1;
    byteSize = 0;
  }
}
