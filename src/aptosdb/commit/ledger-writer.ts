import assert from 'node:assert/strict';
import { equalBytes, toHex } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { type LedgerInfoWithSignatures, nextBlockEpoch } from '../../types/ledger-info.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch } from '../driver/write-batch.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { putMarker } from '../schema/progress-markers.js';
import { putRow } from '../schema/rows.js';
import { CommitError } from './commit-error.js';
import { type CommittedState, lastCommittedVersion, loadCommittedState } from './committed-state.js';
import { cutBack } from './cut-back.js';
import { TransactionAppender } from './transaction-appender.js';
import { type TransactionParts, TransactionSplitter } from './transaction-parts.js';

/** Transactions that follow each other. */
export interface TransactionChunk {
  readonly firstVersion: bigint;
  /** Records of format V1; not to be changed until the call returns. */
  readonly records: readonly Uint8Array[];
  /** The ledger info of the last of them, if there is one. A version that ends an epoch must have it. */
  readonly ledgerInfo?: LedgerInfoWithSignatures | undefined;
}

/**
 * Commits transactions with their outputs to a ledger database, as a node does (spec: aptosdb-schema.md,
 * 10.1), without executing anything: every part is checked against its transaction info, and the state
 * after each checkpoint against the root that its info names.
 *
 * `append` writes rows that count for nothing until `commit` returns: it makes them durable, and only then
 * moves the marker that makes them count. What a process that ended in between left is taken back when
 * the database is opened for writing again.
 */
export class LedgerWriter {
  readonly #database: AptosDatabaseFiles;
  readonly #splitter: TransactionSplitter;
  readonly #appender: TransactionAppender;
  #lastVersion: bigint | undefined;
  #epoch: bigint;
  /** Appended, but not committed yet. */
  #ledgerInfos: LedgerInfoWithSignatures[] = [];
  #failed = false;

  private constructor(database: AptosDatabaseFiles, hashers: LedgerHashers, state: CommittedState) {
    this.#database = database;
    this.#splitter = new TransactionSplitter(hashers);
    this.#appender = new TransactionAppender(database, hashers, state);
    this.#lastVersion = state.lastVersion;
    this.#epoch = state.epoch;
  }

  /**
   * Takes back what is not committed, and reads what the next commit builds on. The database stays the
   * caller's to close; nobody else may write to it.
   * @throws CommitError COMMIT_DATABASE_INCOMPLETE, COMMIT_STATE_ROOT_MISMATCH
   */
  static async open(database: AptosDatabaseFiles, hashers: LedgerHashers): Promise<LedgerWriter> {
    await cutBack(database, hashers, await lastCommittedVersion(database));
    return new LedgerWriter(database, hashers, await loadCommittedState(database, hashers));
  }

  /** The last version that was appended; undefined in an empty database. */
  get lastVersion(): bigint | undefined {
    return this.#lastVersion;
  }

  /** The epoch of the next transaction. */
  get epoch(): bigint {
    return this.#epoch;
  }

  /**
   * Checks and writes a chunk. After a failure nothing of it counts, and the writer is of no more use.
   * @throws BcsError, JellyfishError, DatabaseError
   * @throws CommitError COMMIT_VERSION_UNEXPECTED, COMMIT_PART_MISMATCH, COMMIT_STATE_ROOT_MISMATCH,
   *   COMMIT_LEDGER_INFO_MISMATCH, COMMIT_BLOCK_EVENT_INVALID, COMMIT_WRITER_FAILED
   */
  async append(chunk: TransactionChunk): Promise<void> {
    await this.#orFail(() => this.#append(chunk));
  }

  /**
   * Makes everything that was appended count, up to the last ledger info. When it returns, all of it
   * survives a power cut.
   * @throws DatabaseError DB_WRITE_FAILED
   * @throws CommitError COMMIT_WRITER_FAILED
   */
  async commit(): Promise<void> {
    await this.#orFail(() => this.#commit());
  }

  async #orFail(work: () => Promise<void>): Promise<void> {
    if (this.#failed) {
      const message = 'an earlier commit failed halfway: open the database again';
      throw new CommitError('COMMIT_WRITER_FAILED', message);
    }
    this.#failed = true;
    await work();
    this.#failed = false;
  }

  async #append({ firstVersion, records, ledgerInfo }: TransactionChunk): Promise<void> {
    const expected = this.#lastVersion === undefined ? 0n : this.#lastVersion + 1n;
    if (firstVersion !== expected) {
      const message = `version ${firstVersion} does not follow: ${expected} is next`;
      const facts = { expected, actual: firstVersion };
      throw new CommitError('COMMIT_VERSION_UNEXPECTED', message, { facts });
    }
    const last = this.#add(firstVersion, records);
    if (last === undefined) return;
    const endsEpoch = ledgerInfo?.value.ledger_info.commit_info.next_epoch_state !== undefined;
    if (ledgerInfo) this.#requireLedgerInfo(ledgerInfo, last);
    await this.#appender.apply({ endsEpoch: (version) => endsEpoch && version === last.version });
    await this.#appender.settle();
    this.#lastVersion = last.version;
    if (!ledgerInfo) return;
    this.#ledgerInfos.push(ledgerInfo);
    if (endsEpoch) this.#epoch = nextBlockEpoch(ledgerInfo.value.ledger_info);
  }

  /** Checks each part of each record, and hands it on. */
  #add(firstVersion: bigint, records: readonly Uint8Array[]): TransactionParts | undefined {
    this.#appender.begin(records.reduce((sum, record) => sum + record.length, 0));
    let last: TransactionParts | undefined;
    for (const [index, record] of records.entries()) {
      last = this.#splitter.split(record, firstVersion + BigInt(index));
      this.#appender.add(last.version, record, this.#splitter.walk);
    }
    return last;
  }

  #requireLedgerInfo(ledgerInfo: LedgerInfoWithSignatures, last: TransactionParts): void {
    const { epoch, version, executed_state_id } = ledgerInfo.value.ledger_info.commit_info;
    const root = this.#appender.accumulatorRoot();
    const refuse = (what: string, expected: unknown, actual: unknown): never => {
      const message = `the ledger info says ${what} ${String(actual)}, the transactions ${String(expected)}`;
      throw new CommitError('COMMIT_LEDGER_INFO_MISMATCH', message, { facts: { expected, actual } });
    };
    if (version !== last.version) refuse('version', last.version, version);
    if (epoch !== this.#epoch) refuse('epoch', this.#epoch, epoch);
    if (!equalBytes(executed_state_id, root)) refuse('root', toHex(root), toHex(executed_state_id));
    if (!last.stateCheckpointHash) refuse('a block ends', 'no state checkpoint', last.version);
  }

  async #commit(): Promise<void> {
    const latest = this.#ledgerInfos.at(-1);
    if (latest === undefined) return;
    await this.#database.barrier();
    const batch = new WriteBatch();
    for (const ledgerInfo of this.#ledgerInfos) {
      const { epoch, version, next_epoch_state } = ledgerInfo.value.ledger_info.commit_info;
      putRow(batch, ledgerInfoRows, epoch, ledgerInfo);
      if (next_epoch_state) putRow(batch, epochByVersionRows, version, epoch);
    }
    const { version } = latest.value.ledger_info.commit_info;
    assert(this.#lastVersion !== undefined && version <= this.#lastVersion);
    putMarker(batch, { variant: 'OverallCommitProgress' }, version);
    await this.#database.ledgerMetadata.write(batch);
    await this.#database.ledgerMetadata.barrier();
    this.#ledgerInfos = [];
  }
}
