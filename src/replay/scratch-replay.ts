import { loadTransactionManifest } from '../archive/load-manifest.js';
import type { StateSnapshotEntry, TransactionEntry } from '../archive/metadata-entry.js';
import type { ViewEntry } from '../archive/metadata-view.js';
import { CommitError } from '../aptosdb/commit/commit-error.js';
import type { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { TransactionSaver } from '../aptosdb/restore/transaction-saver.js';
import { TransactionTail } from '../aptosdb/restore/transaction-tail.js';
import { BcsReader } from '../bcs/bcs-reader.js';
import { HASH_SIZE, type HashValue, hashFromHex } from '../hashing/hash-value.js';
import { SnapshotReader } from '../restore/proven-state-chunks.js';
import type { ProvenTransactionBatch } from '../restore/proven-transactions.js';
import { RestoreFindingError } from '../restore/restore-finding.js';
import type { RestoreRun } from '../restore/restore-run.js';
import { restoreStateSnapshot } from '../restore/restore-state-snapshot.js';
import { savingTarget, tailTarget } from '../restore/restore-steps.js';
import { restoreTransactions } from '../restore/restore-transactions.js';
import { TransactionReader } from '../restore/transaction-reader.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { TransactionRecordWalk } from '../types/transaction-record-walk.js';
import { findingOf } from '../verify/findings.js';
import type { VersionSpan } from './replay-jobs.js';

/** A range, and the state before it. */
export interface ScratchJob {
  readonly history: EpochHistory | undefined;
  /** Undefined for the empty state before version 0. Its own transaction must be among the backups. */
  readonly base: ViewEntry<StateSnapshotEntry> | undefined;
  /** In the order of their versions, without a gap. */
  readonly backups: readonly ViewEntry<TransactionEntry>[];
  /** Behind the base. */
  readonly range: VersionSpan;
}

/** What the roots at the checkpoints are, and how far the replay is. */
export interface ScratchListener {
  /** The state stands as it was before the range. */
  onBase(items: bigint): void;
  /** @param root what the ledger signed; a view */
  onCheckpoint(version: bigint, root: HashValue, actual: HashValue): void;
  /** Applied: transactions up to this version. */
  onTransactions(last: bigint, count: number, writes: number): void;
}

/**
 * Replays a range in an empty database: the snapshot, its own transaction, and everything behind it with
 * values and tree. Memory does not depend on how much the range writes.
 * @returns false when the state had another root than the ledger signed, and the replay ended there
 * @throws RestoreFindingError, CommitError, DatabaseError, SnapshotRestoreError; the signal's reason
 */
export async function replayInScratch(
  run: RestoreRun,
  database: AptosDatabaseFiles,
  { history, base, backups, range }: ScratchJob,
  listener: ScratchListener,
): Promise<boolean> {
  await using reader = new TransactionReader(run, { backups, history }, range.last);
  if (base) {
    const { version } = base.entry;
    const snapshot = await SnapshotReader.open(run, history, base);
    const stage = `state snapshot ${version}`;
    const save = async (): Promise<void> => undefined;
    const job = { snapshot, version, mode: 'default', stage, save } as const;
    const { items } = await restoreStateSnapshot(run, database, job);
    listener.onBase(items);
    if (range.first > range.last) return true;
    const saver = await TransactionSaver.open(database, run.hashers);
    const first = await firstVersionOfChunkWith(run, backups, version);
    const upToSnapshot = { first, last: version };
    const rows = { range: upToSnapshot, stage: 'transactions before it' };
    await restoreTransactions(run, savingTarget(saver), reader, rows);
  } else listener.onBase(0n);
  const known = base ? { snapshotVersion: base.entry.version } : {};
  const tail = await TransactionTail.open(database, run.hashers, known);
  const watch = new CheckpointWatch(run, listener);
  const target = tailTarget(tail);
  const watched = {
    get nextVersion() {
      return target.nextVersion;
    },
    confirm: target.confirm,
    commit: target.commit,
    write: async (batch: ProvenTransactionBatch): Promise<void> => {
      await target.write(batch).catch((error: unknown) => watch.failed(batch, error));
      watch.wrote(batch);
    },
  };
  try {
    await restoreTransactions(run, watched, reader, { range, stage: 'transactions' });
  } catch (error) {
    if (error instanceof ScratchMismatch) return false;
    throw error;
  }
  return true;
}

/** Rows begin where a proof says what lies before them. */
async function firstVersionOfChunkWith(
  { storage, signal }: RestoreRun,
  backups: readonly ViewEntry<TransactionEntry>[],
  version: bigint,
): Promise<bigint> {
  const backup = backups.find(({ entry }) => entry.firstVersion <= version && entry.lastVersion >= version);
  if (!backup) throw new TypeError(`no backup holds version ${version}`);
  const { manifest, firstVersion } = backup.entry;
  try {
    const { chunks } = await loadTransactionManifest(storage, manifest, { signal });
    const chunk = chunks.find((each) => each.firstVersion <= version && each.lastVersion >= version);
    return chunk?.firstVersion ?? firstVersion;
  } catch (error) {
    signal?.throwIfAborted();
    throw new RestoreFindingError([findingOf(error, { file: manifest })]);
  }
}

/** Ends the reading; never leaves this file. */
class ScratchMismatch extends Error {}

/** Tells the checkpoints of what was written. */
class CheckpointWatch {
  readonly #run: RestoreRun;
  readonly #listener: ScratchListener;
  readonly #walk = new TransactionRecordWalk();

  constructor(run: RestoreRun, listener: ScratchListener) {
    this.#run = run;
    this.#listener = listener;
  }

  wrote(batch: ProvenTransactionBatch): void {
    this.#tell(batch, undefined);
  }

  /** @throws ScratchMismatch where the root of a checkpoint differs, or what failed */
  failed(batch: ProvenTransactionBatch, error: unknown): never {
    if (!(error instanceof CommitError) || error.code !== 'COMMIT_STATE_ROOT_MISMATCH') throw error;
    const { version, actual } = error.facts;
    this.#tell(batch, { version: BigInt(String(version)), root: hashFromHex(String(actual)) });
    throw new ScratchMismatch('the state has another root', { cause: error });
  }

  /** Up to the mismatch; without one, all of the batch has the roots that it says. */
  #tell(
    { bytes, starts, ends, count, firstVersion, format }: ProvenTransactionBatch,
    mismatch: { readonly version: bigint; readonly root: HashValue } | undefined,
  ): void {
    const walk = this.#walk;
    const { dialect } = this.#run.hashers.family;
    const until = mismatch ? Number(mismatch.version - firstVersion) + 1 : count;
    let writes = 0;
    for (let index = 0; index < until; index++) {
      const version = firstVersion + BigInt(index);
      walk.walk(bytes, starts[index] ?? 0, ends[index] ?? 0, format, dialect);
      writes += writeCount(bytes, walk);
      const at = walk.stateCheckpointHash;
      if (at < 0) continue;
      const root = bytes.subarray(at, at + HASH_SIZE);
      const actual = mismatch?.version === version ? mismatch.root : root;
      this.#listener.onCheckpoint(version, root, actual);
    }
    this.#listener.onTransactions(firstVersion + BigInt(until) - 1n, until, writes);
  }
}

/** A write set begins with its variant and the count of what it writes. */
function writeCount(bytes: Uint8Array, { writeSetStart, writeSetEnd }: TransactionRecordWalk): number {
  const reader = new BcsReader(bytes.subarray(writeSetStart, writeSetEnd));
  reader.uleb128();
  return reader.uleb128();
}
