import { StateWrites } from '../aptosdb/commit/state-writes.js';
import { type ProvenTransactionBatch, recordsIn } from '../restore/proven-transactions.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { TransactionRecordWalk } from '../types/transaction-record-walk.js';
import type { VersionSpan } from './replay-jobs.js';
import type { WriteLog } from '../merkle/write-log.js';

/** Takes the writes and checkpoint roots out of proven records. */
export class WriteSetSource {
  readonly #hashers: LedgerHashers;
  readonly #walk = new TransactionRecordWalk();
  readonly #writes: StateWrites;
  transactions = 0;
  writes = 0;
  #countedUpTo = -1n;

  constructor(hashers: LedgerHashers) {
    this.#hashers = hashers;
    this.#writes = new StateWrites(hashers);
  }

  /** Counts transactions up to a version; those that come again count once. */
  count(last: bigint, transactions: number, writes: number): void {
    if (last <= this.#countedUpTo) return;
    this.#countedUpTo = last;
    this.transactions += transactions;
    this.writes += writes;
  }

  /** Logs the records of a batch that are in a range. */
  log(batch: ProvenTransactionBatch, range: VersionSpan, log: WriteLog): void {
    const wanted = recordsIn(batch, range);
    if (!wanted) return;
    const { bytes, starts, ends, count, firstVersion, format } = wanted;
    const { dialect } = this.#hashers.family;
    const writes = this.#writes;
    const checkpoints: { version: bigint; rootAt: number; writesEnd: number }[] = [];
    // A row takes a byte more than the operation that it is of, a key takes more than that.
    writes.begin(bytes.length);
    for (let index = 0; index < count; index++) {
      const version = firstVersion + BigInt(index);
      this.#walk.walk(bytes, starts[index] ?? 0, ends[index] ?? 0, format, dialect);
      const before = writes.count;
      writes.add(version, bytes, this.#walk.writeSetStart, this.#walk.writeSetEnd);
      this.count(version, 1, writes.count - before);
      const rootAt = this.#walk.stateCheckpointHash;
      if (rootAt >= 0) checkpoints.push({ version, rootAt, writesEnd: writes.count });
    }
    writes.finish({ withValues: true });
    let from = 0;
    for (const { version, rootAt, writesEnd } of checkpoints) {
      log.append(writes, from, writesEnd);
      log.checkpoint(version, bytes, rootAt);
      from = writesEnd;
    }
    log.append(writes, from, writes.count);
  }
}
