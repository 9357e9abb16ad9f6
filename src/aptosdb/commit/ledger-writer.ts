import assert from 'node:assert/strict';
import { equalBytes, toHex } from '../../hashing/hash-value.js';
import { hashTransactionInfo } from '../../types/hashes.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { type LedgerInfoWithSignatures, nextBlockEpoch } from '../../types/ledger-info.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import { WriteBatch } from '../driver/write-batch.js';
import type { TreeUpdate } from '../jellyfish/tree-update.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { putMarker } from '../schema/progress-markers.js';
import { putRow } from '../schema/rows.js';
import { versionDataRows } from '../schema/version-data.js';
import { putBlockRows } from './block-rows.js';
import { CommitError } from './commit-error.js';
import { type CommittedState, lastCommittedVersion, loadCommittedState } from './committed-state.js';
import { cutBack } from './cut-back.js';
import { type TransactionParts, TransactionSplitter } from './transaction-parts.js';
import { putTransactionRows } from './transaction-rows.js';
import { writeSetEntries } from './write-set-entries.js';

/** Changed items, and versions, after which a tree is written even within an epoch (spec: section 1). */
const TREE_ITEMS_MAX = 100_000;
const TREE_VERSIONS_MAX = 100_000n;

/** Transactions that follow each other. */
export interface TransactionChunk {
  readonly firstVersion: bigint;
  /** Records of format V1; not to be changed until the call returns. */
  readonly records: readonly Uint8Array[];
  /** The ledger info of the last of them, if there is one. A version that ends an epoch must have it. */
  readonly ledgerInfo?: LedgerInfoWithSignatures | undefined;
}

/** All batches of one chunk. */
class ChunkBatches {
  readonly transactions = new WriteBatch();
  readonly infos = new WriteBatch();
  readonly writeSets = new WriteBatch();
  readonly events = new WriteBatch();
  readonly auxiliaryInfos = new WriteBatch();
  readonly accumulator = new WriteBatch();
  readonly ledgerMetadata = new WriteBatch();
  readonly stateShards = Array.from({ length: SHARD_COUNT }, () => new WriteBatch());
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
  readonly #hashers: LedgerHashers;
  readonly #splitter: TransactionSplitter;
  readonly #state: CommittedState;
  #lastVersion: bigint | undefined;
  #epoch: bigint;
  #lastEpochEnd: bigint | undefined;
  /** Appended, but not committed yet. */
  #ledgerInfos: LedgerInfoWithSignatures[] = [];
  #failed = false;

  private constructor(database: AptosDatabaseFiles, hashers: LedgerHashers, state: CommittedState) {
    this.#database = database;
    this.#hashers = hashers;
    this.#splitter = new TransactionSplitter(hashers);
    this.#state = state;
    this.#lastVersion = state.lastVersion;
    this.#epoch = state.epoch;
    this.#lastEpochEnd = state.lastEpochEnd;
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
    const chunk = records.map((record, index) => this.#splitter.split(record, firstVersion + BigInt(index)));
    const last = chunk.at(-1);
    if (last === undefined) return;
    const batches = await this.#rowsOf(chunk);
    if (ledgerInfo) this.#requireLedgerInfo(ledgerInfo, last);
    const endsEpoch = ledgerInfo?.value.ledger_info.commit_info.next_epoch_state !== undefined;
    const treePlan = this.#treeIsDue(last, endsEpoch) ? await this.#planTree(last.version) : undefined;
    await this.#write(batches, last.version, treePlan);
    this.#lastVersion = last.version;
    if (ledgerInfo) this.#ledgerInfos.push(ledgerInfo);
    if (!endsEpoch || !ledgerInfo) return;
    this.#epoch = nextBlockEpoch(ledgerInfo.value.ledger_info);
    this.#lastEpochEnd = last.version;
  }

  /** Collects all rows, and checks every state root on the way. */
  async #rowsOf(chunk: readonly TransactionParts[]): Promise<ChunkBatches> {
    const { accumulator, values, tree } = this.#state;
    const batches = new ChunkBatches();
    const writes = chunk.map(({ writeSet }) => writeSetEntries(this.#hashers, writeSet));
    await values.prepare(writes.flat());
    for (const [index, parts] of chunk.entries()) {
      const { version, transactionInfo, stateCheckpointHash } = parts;
      const entries = writes[index] ?? [];
      putTransactionRows(batches, parts);
      putBlockRows(batches.ledgerMetadata, version, parts.events);
      accumulator.append(batches.accumulator, hashTransactionInfo(this.#hashers, transactionInfo));
      values.apply(batches.stateShards, version, entries);
      tree.add(entries);
      if (stateCheckpointHash) await tree.checkpoint(version, stateCheckpointHash);
      if (stateCheckpointHash || index === chunk.length - 1) {
        putRow(batches.ledgerMetadata, versionDataRows, version, values.usage);
      }
    }
    return batches;
  }

  #requireLedgerInfo(ledgerInfo: LedgerInfoWithSignatures, last: TransactionParts): void {
    const { epoch, version, executed_state_id } = ledgerInfo.value.ledger_info.commit_info;
    const { root } = this.#state.accumulator;
    const refuse = (what: string, expected: unknown, actual: unknown): never => {
      const message = `the ledger info says ${what} ${String(actual)}, the transactions ${String(expected)}`;
      throw new CommitError('COMMIT_LEDGER_INFO_MISMATCH', message, { facts: { expected, actual } });
    };
    if (version !== last.version) refuse('version', last.version, version);
    if (epoch !== this.#epoch) refuse('epoch', this.#epoch, epoch);
    if (!equalBytes(executed_state_id, root)) refuse('root', toHex(root), toHex(executed_state_id));
    if (!last.stateCheckpointHash) refuse('a block ends', 'no state checkpoint', last.version);
  }

  /** At the end of an epoch, at the very first checkpoint, and when much has changed since the last tree. */
  #treeIsDue(last: TransactionParts, endsEpoch: boolean): boolean {
    const { tree } = this.#state;
    if (!last.stateCheckpointHash) return false;
    if (endsEpoch || tree.base === undefined) return true;
    return tree.pendingItems >= TREE_ITEMS_MAX || last.version - tree.base >= TREE_VERSIONS_MAX;
  }

  async #planTree(version: bigint): Promise<TreeUpdate> {
    const plan = await this.#state.tree.plan(version);
    const { items } = this.#state.values.usage;
    if (BigInt(plan.leafCount) === items) return plan;
    const message = `the state tree has ${plan.leafCount} items, the usage counts ${items}`;
    throw new CommitError('COMMIT_DATABASE_INCOMPLETE', message, { facts: { version } });
  }

  /** In the reference's order: what others refer to first, each group's marker behind it. */
  async #write(batches: ChunkBatches, last: bigint, treePlan: TreeUpdate | undefined): Promise<void> {
    const database = this.#database;
    await Promise.all([
      database.ledger('ledger_db/event_db').write(batches.events),
      database.ledger('ledger_db/write_set_db').write(batches.writeSets),
      database.ledger('ledger_db/transaction_db').write(batches.transactions),
      database.ledger('ledger_db/persisted_auxiliary_info_db').write(batches.auxiliaryInfos),
      database.ledger('ledger_db/transaction_info_db').write(batches.infos),
      database.ledger('ledger_db/transaction_accumulator_db').write(batches.accumulator),
      ...batches.stateShards.map((batch, shard) => {
        putMarker(batch, { variant: 'StateKvShardCommitProgress', value: BigInt(shard) }, last);
        return database.stateKvShard(shard).write(batch);
      }),
    ]);
    const stateMarker = new WriteBatch();
    putMarker(stateMarker, { variant: 'StateKvCommitProgress' }, last);
    await database.stateKvMetadata.write(stateMarker);
    if (treePlan) await this.#state.tree.write(treePlan, this.#lastEpochEnd);
    putMarker(batches.ledgerMetadata, { variant: 'LedgerCommitProgress' }, last);
    await database.ledgerMetadata.write(batches.ledgerMetadata);
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
