import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { TransactionRecordWalk } from '../../types/transaction-record-walk.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { unwrittenTreeBytes } from '../jellyfish/unwritten-tree.js';
import { putMarker } from '../schema/progress-markers.js';
import { putRow } from '../schema/rows.js';
import { versionDataRows } from '../schema/version-data.js';
import { CommitError } from './commit-error.js';
import type { CommittedState } from './committed-state.js';
import { LedgerBatches, putShardMarkers, writeStateKvMarker } from './ledger-batches.js';
import { StateWrites } from './state-writes.js';
import { TransactionRows } from './transaction-rows.js';

/** Changed items, and versions, after which a tree is written even within an epoch (spec: section 1). */
const TREE_ITEMS_MAX = 100_000;
const TREE_VERSIONS_MAX = 100_000n;
/** The same for the memory that the changed tree is expected to take. */
const TREE_BYTES_MAX = 96 << 20;

/** What is known of a version once its record was added. */
interface AddedVersion {
  readonly version: bigint;
  /** Where its writes end among those of all that was added. */
  readonly writesEnd: number;
  readonly stateRoot: Uint8Array | undefined;
}

export interface ApplyOptions {
  readonly endsEpoch: (version: bigint) => boolean;
}

/**
 * Writes transactions on top of a state: their rows, the values they leave, the state's usage and its tree.
 * The root of the state is compared at every checkpoint, and where a tree is written depends on versions
 * and changed items alone: never on how transactions were grouped. Nothing here makes anything count.
 */
export class TransactionAppender {
  readonly #database: AptosDatabaseFiles;
  readonly #hashers: LedgerHashers;
  readonly #state: CommittedState;
  readonly #rows = new TransactionRows();
  readonly #writes: StateWrites;
  /** What is being filled, and what is being written. */
  #batches = new LedgerBatches();
  #written = new LedgerBatches();
  #added: AddedVersion[] = [];
  /** Hashes of the infos of transactions that the accumulator does not have yet, and how many they are. */
  #leaves = new Uint8Array(1024 * HASH_SIZE);
  #leafCount = 0;
  #lastVersion: bigint | undefined;
  #lastCheckpoint: bigint | undefined;
  #lastEpochEnd: bigint | undefined;
  /** The rows of the group before, which are written while the next one is put together. */
  #writing: Promise<void> = Promise.resolve();

  constructor(database: AptosDatabaseFiles, hashers: LedgerHashers, state: CommittedState) {
    this.#database = database;
    this.#hashers = hashers;
    this.#state = state;
    this.#writes = new StateWrites(hashers);
    this.#lastVersion = state.lastVersion;
    this.#lastCheckpoint = state.lastCheckpoint;
    this.#lastEpochEnd = state.lastEpochEnd;
  }

  /** The last version that was written. */
  get lastVersion(): bigint | undefined {
    return this.#lastVersion;
  }

  /** Begins a group. @param recordBytes the size of all its records together */
  begin(recordBytes: number): void {
    this.#added = [];
    this.#writes.begin(recordBytes);
  }

  /** Of the transaction accumulator with all that was added. */
  accumulatorRoot(): HashValue {
    this.#appendLeaves();
    return this.#state.accumulator.root;
  }

  /**
   * Adds the next transaction to the group.
   * @param bytes holds the record that `walk` has walked; not to be changed until the rows are written
   * @param infoHash of the transaction info, where it is at hand; only read
   * @throws CommitError COMMIT_BLOCK_EVENT_INVALID
   */
  add(version: bigint, bytes: Uint8Array, walk: TransactionRecordWalk, infoHash?: HashValue): void {
    this.#rows.put(this.#batches, version, bytes, walk);
    this.#writes.add(version, bytes, walk.writeSetStart, walk.writeSetEnd);
    const info = bytes.subarray(walk.infoStart, walk.infoEnd);
    this.#addLeaf(infoHash ?? this.#hashers.transactionInfo.hash(info));
    const rootAt = walk.stateCheckpointHash;
    const stateRoot = rootAt < 0 ? undefined : bytes.subarray(rootAt, rootAt + HASH_SIZE);
    this.#added.push({ version, writesEnd: this.#writes.count, stateRoot });
  }

  /**
   * Brings the state up to the group's last version, and begins to write all rows, once those of the group
   * before are written: see `settle`.
   * @throws CommitError COMMIT_STATE_ROOT_MISMATCH; DatabaseError, also of the group before
   */
  async apply({ endsEpoch }: ApplyOptions): Promise<void> {
    this.#appendLeaves();
    const { values, tree } = this.#state;
    const writes = this.#writes;
    writes.finish({ withValues: true });
    if (values.mayReadBack(writes.count)) await this.#writing;
    await values.prepare(writes);
    let from = 0;
    for (const { version, writesEnd, stateRoot } of this.#added) {
      values.apply(this.#batches, writes, from, writesEnd);
      tree.add(writes, from, writesEnd);
      from = writesEnd;
      this.#lastVersion = version;
      if (stateRoot === undefined) continue;
      tree.checkpoint(version, stateRoot);
      this.#lastCheckpoint = version;
      putRow(this.#batches.ledgerMetadata, versionDataRows, version, values.usage);
      const ends = endsEpoch(version);
      if (this.#treeIsDue(version, ends)) {
        await tree.settle();
        await this.#writeRows(version);
        await this.#writing;
        await this.#writeTree(version);
      }
      if (ends) this.#lastEpochEnd = version;
    }
    await tree.settle();
    const last = this.#added.at(-1);
    if (last) await this.#writeRows(last.version);
  }

  /**
   * Returns once all rows are written, and the bytes of the records are the caller's again.
   * @throws DatabaseError
   */
  async settle(): Promise<void> {
    await this.#writing;
  }

  /** Writes the tree of the last checkpoint, and the usage of the last version, if they are not there. */
  async writeLast(): Promise<void> {
    const version = this.#lastVersion;
    if (version === undefined) return;
    putRow(this.#batches.ledgerMetadata, versionDataRows, version, this.#state.values.usage);
    await this.#writeRows(version);
    await this.#writing;
    const checkpoint = this.#lastCheckpoint;
    if (checkpoint === undefined || checkpoint === this.#state.tree.base) return;
    // It may have been committed before.
    await this.#writeTree(checkpoint, { counts: true });
  }

  #addLeaf(hash: HashValue): void {
    const at = this.#leafCount++ * HASH_SIZE;
    if (at === this.#leaves.length) {
      const grown = new Uint8Array(2 * at);
      grown.set(this.#leaves);
      this.#leaves = grown;
    }
    this.#leaves.set(hash, at);
  }

  #appendLeaves(): void {
    this.#state.accumulator.appendWithRoots(this.#batches, this.#leaves, this.#leafCount);
    this.#leafCount = 0;
  }

  /** At the end of an epoch, at the very first checkpoint, and when much has changed since the last tree. */
  #treeIsDue(version: bigint, endsEpoch: boolean): boolean {
    const { base, pendingItems } = this.#state.tree;
    if (endsEpoch || base === undefined) return true;
    if (pendingItems >= TREE_ITEMS_MAX || version - base >= TREE_VERSIONS_MAX) return true;
    return unwrittenTreeBytes(pendingItems, Number(this.#state.values.usage.items)) >= TREE_BYTES_MAX;
  }

  /** Of a checkpoint. */
  async #writeTree(version: bigint, options: { readonly counts?: boolean } = {}): Promise<void> {
    const { tree, values } = this.#state;
    const { leafCount } = tree;
    const { items } = values.usage;
    if (tree.isSettled && BigInt(leafCount) !== items) {
      const message = `the state tree has ${leafCount} items, the usage counts ${items}`;
      throw new CommitError('COMMIT_DATABASE_INCOMPLETE', message, { facts: { version } });
    }
    await tree.write(version, this.#lastEpochEnd, options);
  }

  /** Begins to write the rows, when those before are written. */
  async #writeRows(last: bigint): Promise<void> {
    const batches = this.#batches;
    putShardMarkers(batches.stateShards, last);
    putMarker(batches.ledgerMetadata, { variant: 'LedgerCommitProgress' }, last);
    await this.#writing;
    this.#batches = this.#written;
    this.#batches.clear();
    this.#written = batches;
    this.#writing = this.#write(batches, last);
    // Heard by whoever waits next; until then it is no unhandled one.
    this.#writing.catch(() => undefined);
  }

  /** In the reference's order: what others refer to first, each group's marker behind it. */
  async #write(batches: LedgerBatches, last: bigint): Promise<void> {
    await batches.writeData(this.#database);
    await writeStateKvMarker(this.#database, last);
    await this.#database.ledgerMetadata.write(batches.ledgerMetadata);
  }
}
