import type { HashValue } from '../hashing/hash-value.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import {
  type ProvenTransactionBatch,
  type ProvenTransactionChunk,
  provenTransactionChunks,
  recordsIn,
  type VersionRange,
} from './proven-transactions.js';
import type { RestoreRun } from './restore-run.js';
import type { TransactionReader, TransactionSource } from './transaction-reader.js';
import { writeThrough } from './write-through.js';

/** What takes proven transactions: rows alone, rows and values, or all with the tree. */
export interface TransactionTarget {
  /** Undefined in a database without any. */
  readonly nextVersion: bigint | undefined;
  /** Before the first write: what lies before a version is what the proof says. */
  confirm(firstVersion: bigint, leftSiblings: readonly HashValue[]): Promise<void>;
  write(batch: ProvenTransactionBatch): Promise<void>;
  commit(): Promise<void>;
}

/** Some transactions' way into a database. */
export interface TransactionsJob {
  /** What the step is to bring; what of it is there already is not read again. */
  readonly range: VersionRange;
  readonly stage: string;
  /** The first version whose write set the target applies; undefined: it applies none. */
  readonly replayFrom?: bigint | undefined;
}

/**
 * Writes the transactions of a range, proven chunk by chunk, and makes them count. What a target has already
 * is left out; the chunk in which it ended is read and proven again.
 * @returns the ledger info of the last chunk's proof; undefined where there was nothing to do
 * @throws RestoreFindingError, CommitError, DatabaseError; the signal's reason
 */
export async function restoreTransactions(
  run: RestoreRun,
  target: TransactionTarget,
  reader: TransactionReader,
  job: TransactionsJob,
): Promise<LedgerInfoWithSignatures | undefined> {
  const { range } = job;
  const first = target.nextVersion ?? range.first;
  const wanted = { first: first > range.first ? first : range.first, last: range.last };
  if (wanted.first > wanted.last) return undefined;
  const tell = progressOf(run, job);
  let isConfirmed = false;
  let ledgerInfo: LedgerInfoWithSignatures | undefined;
  const commit = async (): Promise<void> => {
    await target.commit();
    run.onCommitPoint?.({ stage: job.stage, done: (target.nextVersion ?? 0n) - 1n });
  };
  tell(wanted.first - 1n);
  await writeThrough<ProvenTransactionChunk, ProvenTransactionBatch>(reader.chunks(wanted), {
    partsOf: ({ batches }) => batches.flatMap((batch) => recordsIn(batch, wanted) ?? []),
    write: async (batch, { chunk, leftSiblings, ledgerInfo: ofChunk }) => {
      if (!isConfirmed) await target.confirm(chunk.firstVersion, leftSiblings);
      isConfirmed = true;
      ledgerInfo = ofChunk;
      await target.write(batch);
      const last = batch.firstVersion + BigInt(batch.count) - 1n;
      run.metrics?.transactions({ first: batch.firstVersion, last }, job.replayFrom);
      tell(last);
    },
    commit,
    commitEveryMs: run.commitEveryMs,
    signal: run.signal,
  });
  await commit();
  return ledgerInfo;
}

/** The same for a dry run: everything is read and proven. */
export async function proveTransactions(
  run: RestoreRun,
  { history, backups }: TransactionSource,
  job: TransactionsJob,
): Promise<void> {
  const tell = progressOf(run, job);
  tell(job.range.first - 1n);
  for await (const { chunk } of provenTransactionChunks(run, history, backups, job.range)) {
    run.metrics?.verified.transactions(chunk.lastVersion);
    tell(chunk.lastVersion < job.range.last ? chunk.lastVersion : job.range.last);
  }
}

function progressOf({ progress, tally }: RestoreRun, { range, stage }: TransactionsJob) {
  const total = Number(range.last - range.first) + 1;
  return (version: bigint): void =>
    progress({
      stage,
      done: Number(version - range.first) + 1,
      total,
      unit: 'transactions',
      ...(version < range.first ? {} : { version }),
      bytes: tally.bytes,
    });
}
