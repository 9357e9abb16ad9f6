import assert from 'node:assert/strict';
import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { TransactionRecordWalk } from '../../types/transaction-record-walk.js';
import { AccumulatorWriter } from '../commit/accumulator-writer.js';
import { CommitError } from '../commit/commit-error.js';
import { countStoredWrites, lastCommittedVersion } from '../commit/committed-state.js';
import { LedgerBatches, putShardMarkers, writeStateKvMarker } from '../commit/ledger-batches.js';
import { StateValueWriter } from '../commit/state-values.js';
import { StateWrites } from '../commit/state-writes.js';
import { TransactionRows } from '../commit/transaction-rows.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch } from '../driver/write-batch.js';
import { putMarker } from '../schema/progress-markers.js';
import { lastRow, putRow } from '../schema/rows.js';
import { versionDataRows } from '../schema/version-data.js';
import { TransactionEvents } from './transaction-events.js';
import { groupsOf, type ProvenTransactions, type RecordGroup } from './transaction-records.js';
import { confirmOrSaveFrozenSubtrees } from './transaction-subtrees.js';

export interface TransactionSaverOptions {
  /**
   * From this version on, write sets become state values. The state before it must be there, with its
   * usage; before version 0 it is empty. Undefined: no values are written.
   */
  readonly replayFrom?: bigint | undefined;
}

/**
 * Saves proven transactions as the reference's restore does: without executing them and without a state
 * tree (spec: aptosdb-schema.md, 10.4 and 10.6). Rows depend on the transactions alone, so that a run that
 * was cut off and goes on from the last commit writes what it would have written.
 */
export class TransactionSaver {
  readonly #database: AptosDatabaseFiles;
  readonly #hashers: LedgerHashers;
  readonly #replayFrom: bigint | undefined;
  readonly #walk = new TransactionRecordWalk();
  readonly #rows = new TransactionRows();
  readonly #events: TransactionEvents;
  readonly #writes: StateWrites;
  #next: bigint | undefined;
  #accumulator: AccumulatorWriter | undefined;
  #values: StateValueWriter | undefined;
  /** What is being filled, and what is being written. */
  #batches = new LedgerBatches();
  #written = new LedgerBatches();
  /** The group that is being written while the next one is put together. */
  #writing: Promise<void> = Promise.resolve();
  /** What the rows that are being written are views of. */
  #held: ProvenTransactions | undefined;
  #failed = false;

  private constructor(
    database: AptosDatabaseFiles,
    hashers: LedgerHashers,
    next: bigint | undefined,
    { replayFrom }: TransactionSaverOptions,
  ) {
    this.#database = database;
    this.#hashers = hashers;
    this.#next = next;
    this.#replayFrom = replayFrom;
    this.#events = new TransactionEvents(hashers);
    this.#writes = new StateWrites(hashers);
  }

  /** Goes on behind the last version that counts. The database stays the caller's to close. */
  static async open(
    database: AptosDatabaseFiles,
    hashers: LedgerHashers,
    options: TransactionSaverOptions = {},
  ): Promise<TransactionSaver> {
    const last = await lastCommittedVersion(database);
    return new TransactionSaver(database, hashers, last === undefined ? undefined : last + 1n, options);
  }

  /** What wrote the values up to the last version; undefined where none were written. */
  get values(): StateValueWriter | undefined {
    return this.#values;
  }

  /** The version that `save` expects; undefined in an empty database, which may begin with any. */
  get nextVersion(): bigint | undefined {
    return this.#next;
  }

  /**
   * Must come before the first `save` in a database that begins behind version 0; where it begins, versions
   * do. At other times it only confirms.
   * @param leftSiblings of the range that begins at the version, from the bottom to the root
   * @throws CommitError COMMIT_FROZEN_SUBTREE_MISMATCH
   */
  async confirmOrSaveFrozenSubtrees(firstVersion: bigint, leftSiblings: readonly HashValue[]): Promise<void> {
    await confirmOrSaveFrozenSubtrees(this.#database, firstVersion, leftSiblings);
  }

  /**
   * Writes the rows of some transactions, which count for nothing until `commit`. Some of the writing goes on
   * afterwards, while the next ones are put together.
   * @throws CommitError COMMIT_VERSION_UNEXPECTED, COMMIT_DATABASE_INCOMPLETE, COMMIT_BLOCK_EVENT_INVALID,
   *   COMMIT_WRITER_FAILED
   * @throws DatabaseError DB_WRITE_FAILED, DB_READ_FAILED
   */
  async save(chunk: ProvenTransactions): Promise<void> {
    await this.#orFail(async () => {
      const expected = this.#next ?? chunk.firstVersion;
      if (chunk.firstVersion !== expected) {
        const message = `version ${chunk.firstVersion} does not follow: ${expected} is next`;
        const facts = { expected, actual: chunk.firstVersion };
        throw new CommitError('COMMIT_VERSION_UNEXPECTED', message, { facts });
      }
      for (const group of groupsOf(chunk)) {
        await this.#saveGroup(chunk, group);
        this.#releaseBefore(chunk);
      }
    });
  }

  /**
   * Makes everything that was saved count. When it returns, all of it survives a power cut.
   * @throws DatabaseError DB_WRITE_FAILED
   * @throws CommitError COMMIT_WRITER_FAILED
   */
  async commit(): Promise<void> {
    await this.#orFail(async () => {
      await this.#writing;
      this.#releaseBefore(undefined);
      if (this.#next === undefined || this.#next === 0n) return;
      const last = this.#next - 1n;
      await commitRestored(this.#database, last);
    });
  }

  /** When rows of the next one are being written, those before are written. */
  #releaseBefore(next: ProvenTransactions | undefined): void {
    if (this.#held !== next) this.#held?.release?.();
    this.#held = next;
  }

  async #orFail(work: () => Promise<void>): Promise<void> {
    if (this.#failed) {
      const message = 'an earlier call failed halfway: open the database again';
      throw new CommitError('COMMIT_WRITER_FAILED', message);
    }
    this.#failed = true;
    await work();
    this.#failed = false;
  }

  async #saveGroup(chunk: ProvenTransactions, group: RecordGroup): Promise<void> {
    const { bytes, starts, ends, format = 'V1' } = chunk;
    const { dialect } = this.#hashers.family;
    const batches = this.#batches;
    const walk = this.#walk;
    const writes = this.#writes;
    const checkpoints: { readonly version: bigint; readonly writesEnd: number }[] = [];
    const infoStarts: number[] = [];
    const infoEnds: number[] = [];
    writes.begin(group.byteSize);
    this.#events.begin(bytes);
    for (let index = group.from; index < group.to; index++) {
      const version = chunk.firstVersion + BigInt(index);
      walk.walk(bytes, starts[index] ?? 0, ends[index] ?? 0, format, dialect);
      this.#rows.put(batches, version, bytes, walk);
      this.#rows.putByAccount(batches, version, bytes, walk);
      this.#events.add(batches, version, walk);
      infoStarts.push(walk.infoStart);
      infoEnds.push(walk.infoEnd);
      if (this.#replayFrom === undefined || version < this.#replayFrom) continue;
      writes.add(version, bytes, walk.writeSetStart, walk.writeSetEnd);
      if (walk.stateCheckpointHash >= 0) checkpoints.push({ version, writesEnd: writes.count });
    }
    this.#events.finish(batches);
    const first = chunk.firstVersion + BigInt(group.from);
    const count = group.to - group.from;
    const infoHashes =
      chunk.infoHashes?.subarray(group.from * HASH_SIZE, group.to * HASH_SIZE) ??
      this.#hashInfos({ base: bytes, starts: infoStarts, ends: infoEnds, count });
    const accumulator = await this.#accumulatorAt(first);
    accumulator.append(batches, infoHashes, count);
    if (this.#replayFrom !== undefined && first + BigInt(count) > this.#replayFrom) {
      await this.#saveValues(batches, await this.#valuesAt(first), checkpoints);
    }
    await this.#writing;
    this.#batches = this.#written;
    this.#batches.clear();
    this.#written = batches;
    this.#writing = this.#write(batches);
    // Heard by whoever waits next; until then it is no unhandled one.
    this.#writing.catch(() => undefined);
    this.#next = first + BigInt(count);
  }

  /** Values and their usage at each checkpoint. */
  async #saveValues(
    batches: LedgerBatches,
    values: StateValueWriter,
    checkpoints: readonly { readonly version: bigint; readonly writesEnd: number }[],
  ): Promise<void> {
    const writes = this.#writes;
    writes.finish({ withValues: false });
    if (values.mayReadBack(writes.count)) await this.#writing;
    await values.prepare(writes);
    let from = 0;
    for (const { version, writesEnd } of checkpoints) {
      values.apply(batches, writes, from, writesEnd);
      putRow(batches.ledgerMetadata, versionDataRows, version, values.usage);
      from = writesEnd;
    }
    values.apply(batches, writes, from, writes.count);
  }

  async #write(batches: LedgerBatches): Promise<void> {
    await batches.writeData(this.#database);
    await this.#database.ledgerMetadata.write(batches.ledgerMetadata);
  }

  #hashInfos(spans: Parameters<LedgerHashers['transactionInfo']['records']>[0]): Uint8Array {
    const hashes = new Uint8Array(spans.count * HASH_SIZE);
    this.#hashers.transactionInfo.records(spans, hashes);
    return hashes;
  }

  async #accumulatorAt(first: bigint): Promise<AccumulatorWriter> {
    const store = this.#database.ledger('ledger_db/transaction_accumulator_db');
    const { transactionAccumulator } = this.#hashers;
    this.#accumulator ??= await AccumulatorWriter.open(transactionAccumulator, store, first);
    assert(this.#accumulator.leafCount === first);
    return this.#accumulator;
  }

  /** What values are put upon, as of the version before `first` or of that before the replay. */
  async #valuesAt(first: bigint): Promise<StateValueWriter> {
    if (this.#values) return this.#values;
    const replayFrom = this.#replayFrom ?? 0n;
    const before = (first > replayFrom ? first : replayFrom) - 1n;
    this.#values = await this.#openValues(before, replayFrom - 1n);
    return this.#values;
  }

  async #openValues(before: bigint, snapshot: bigint): Promise<StateValueWriter> {
    const database = this.#database;
    if (before < 0n) return new StateValueWriter(database, { items: 0n, bytes: 0n }, undefined);
    const row = await lastRow(database.ledgerMetadata, versionDataRows, { gte: 0n, lte: before });
    const known = row !== undefined && row.key >= snapshot ? row : undefined;
    if (known === undefined && snapshot >= 0n) {
      const message = `no state usage at version ${snapshot}, upon which values are to be replayed`;
      throw new CommitError('COMMIT_DATABASE_INCOMPLETE', message, { facts: { version: snapshot } });
    }
    const usage = known?.value ?? { items: 0n, bytes: 0n };
    const values = new StateValueWriter(database, usage, known?.key, known?.key === snapshot);
    // Behind the last checkpoint there is no row of usage: the last versions are counted again.
    const counted = known?.key ?? -1n;
    if (counted < before) {
      await countStoredWrites(database, this.#hashers, values, { first: counted + 1n, last: before });
    }
    return values;
  }
}

/**
 * Makes all versions up to `last` count, whose rows are written: they become durable, then so does the
 * marker that promises them.
 */
export async function commitRestored(database: AptosDatabaseFiles, last: bigint): Promise<void> {
  const shards = new LedgerBatches().stateShards;
  putShardMarkers(shards, last);
  await Promise.all(shards.map((batch, shard) => database.stateKvShard(shard).write(batch)));
  await writeStateKvMarker(database, last);
  const progress = new WriteBatch();
  putMarker(progress, { variant: 'LedgerCommitProgress' }, last);
  await database.ledgerMetadata.write(progress);
  await database.barrier();
  const overall = new WriteBatch();
  putMarker(overall, { variant: 'OverallCommitProgress' }, last);
  await database.ledgerMetadata.write(overall);
  await database.ledgerMetadata.barrier();
}
