import assert from 'node:assert/strict';
import { equalBytes, hashFromHex, HASH_SIZE, type HashValue, toHex } from '../../hashing/hash-value.js';
import { gapBetween } from '../../merkle/sorted-leaves.js';
import { type SparseMerkleHashers, sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import type { StateTreeFrontier } from '../../merkle/state-tree-frontier.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import { WriteBatch } from '../driver/write-batch.js';
import { dbMetadataRows } from '../schema/db-metadata.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { ROOT_PATH } from '../schema/node-key.js';
import { putMarker } from '../schema/progress-markers.js';
import { putRow } from '../schema/rows.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { type StateUsage, versionDataRows } from '../schema/version-data.js';
import {
  decodeProgress,
  encodeEdge,
  type SnapshotPosition,
  type SnapshotProgress,
  type SnapshotTarget,
} from './snapshot-progress.js';
import { SnapshotRestoreError } from './snapshot-restore-error.js';
import { StateItemLayout } from './snapshot-state-item.js';
import {
  finishedUsage,
  requireCountedItems,
  requireSnapshotRoot,
  requireStored,
  valueProgressMarker,
} from './snapshot-stored.js';
import { SnapshotValueRows } from './snapshot-value-rows.js';
import { SnapshotWriteLane } from './snapshot-write-lane.js';
import { type BuiltRoot, TreeBuilder } from './tree-builder.js';
import { edgeRoot } from './tree-builder-edge.js';

/** Items of a snapshot in key-hash order that were proven to be of it. */
export interface VerifiedStateItems {
  /** Holds the records, BCS of `(StateKey, StateValue)`: record i is `bytes[starts[i]..ends[i]]`. */
  readonly bytes: Uint8Array;
  readonly starts: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
  readonly count: number;
  /** Packed, 32 bytes each. */
  readonly keyHashes: Uint8Array;
  readonly valueHashes: Uint8Array;
}

/** Bounds of what is packed and written in one go. */
const SLICE_ITEMS_MAX = 4096;
const SLICE_BYTES_MAX = 2 << 20;

/**
 * Writes a state snapshot, values, tree or both, as the reference restores it (spec: aptosdb-schema.md,
 * 10.5). What is written counts for nothing until a checkpoint: a writer that goes on from there writes the
 * rest again, with the same bytes. The tree's root comes last of all, so that a root in the database means a
 * whole snapshot.
 */
export class StateSnapshotWriter {
  readonly #database: AptosDatabaseFiles;
  readonly #target: SnapshotTarget;
  readonly #hashers: SparseMerkleHashers;
  readonly #values: SnapshotWriteLane | undefined;
  readonly #nodes: SnapshotWriteLane | undefined;
  readonly #valueRows: SnapshotValueRows;
  readonly #layout = new StateItemLayout();
  readonly #builder: TreeBuilder | undefined;
  #finished: StateUsage | undefined;
  #items = 0;
  #bytes = 0;
  #lastKey: HashValue | undefined;
  #isFailed = false;

  private constructor(
    database: AptosDatabaseFiles,
    hashers: SparseMerkleHashers,
    target: SnapshotTarget,
    finished: StateUsage | undefined,
    position: SnapshotPosition | undefined,
  ) {
    const { version, mode } = target;
    this.#database = database;
    this.#target = target;
    this.#hashers = hashers;
    this.#finished = finished;
    this.#valueRows = new SnapshotValueRows(version);
    if (mode !== 'tree_only') {
      const storeOf = (shard: number) => database.stateKvShard(shard);
      this.#values = new SnapshotWriteLane(stateValueRows.name, storeOf);
    }
    if (mode !== 'kv_only') {
      const storeOf = (shard: number) => database.stateMerkleShard(shard);
      this.#nodes = new SnapshotWriteLane(treeNodeRows.name, storeOf);
      this.#builder = position?.edge
        ? TreeBuilder.fromEdge(hashers, version, position.edge)
        : new TreeBuilder(hashers, version);
    }
    if (position?.last) {
      this.#items = position.frontier.leafCount;
      this.#bytes = Number(position.bytes);
      this.#lastKey = hashFromHex(position.last.key);
    }
  }

  /**
   * Begins a snapshot, or goes on from saved progress, which may come from a file, after checking that what
   * it builds upon is there.
   * @throws SnapshotRestoreError RESTORE_PROGRESS_MISMATCH; RESTORE_ROOT_MISMATCH where the database has a
   *   tree of this version with another root
   */
  static async open(
    database: AptosDatabaseFiles,
    hashers: LedgerHashers,
    target: SnapshotTarget,
    saved?: unknown,
  ): Promise<StateSnapshotWriter> {
    const treeHashers = sparseMerkleHashers(hashers);
    const finished = await finishedUsage(database, treeHashers, target);
    let position: SnapshotPosition | undefined;
    if (saved !== undefined && finished === undefined) {
      position = decodeProgress(treeHashers, target, saved);
      await requireStored(database, hashers, target, position);
    }
    return new StateSnapshotWriter(database, treeHashers, target, finished, position);
  }

  /** True where the whole snapshot is in the database: nothing can be added, and `finish` does nothing. */
  get isFinished(): boolean {
    return this.#finished !== undefined;
  }

  /** The last key hash that was added, also before the saved progress was saved. Not to be written to. */
  get lastKey(): HashValue | undefined {
    return this.#lastKey;
  }

  /**
   * Writes the items that follow; any number of them, which are only read during the call. Some of the
   * writing goes on afterwards.
   * @throws MerkleError MERKLE_KEYS_NOT_INCREASING; DatabaseError DB_WRITE_FAILED, also of an earlier call;
   *   SnapshotRestoreError RESTORE_WRITER_FAILED
   */
  async add(items: VerifiedStateItems): Promise<void> {
    assert(items.keyHashes.length >= items.count * HASH_SIZE, 'a key hash an item');
    assert(items.valueHashes.length >= items.count * HASH_SIZE, 'a value hash an item');
    await this.#unlessFailed(async () => {
      for (let first = 0; first < items.count; ) {
        const end = sliceEnd(items, first);
        await this.#addSlice(items, first, end);
        first = end;
      }
    });
  }

  /**
   * Makes all that was added durable and says how to go on from here.
   * @param frontier that of the reader, with exactly the items that were added
   * @throws DatabaseError DB_WRITE_FAILED; SnapshotRestoreError RESTORE_WRITER_FAILED
   */
  async checkpoint(frontier: StateTreeFrontier): Promise<SnapshotProgress> {
    return await this.#unlessFailed(async () => {
      this.#requireFrontier(frontier);
      const edge = this.#builder?.edge();
      if (edge) {
        const isSame = equalBytes(edgeRoot(this.#hashers, edge), frontier.currentRoot());
        assert(isSame, 'the tree that is built is the one that was proven');
      }
      await this.#settle();
      const { version, mode, rootHash } = this.#target;
      return {
        version: String(version),
        mode,
        rootHash: toHex(rootHash),
        frontier: frontier.toState(),
        bytes: String(this.#bytes),
        edge: edge ? encodeEdge(edge) : null,
      };
    });
  }

  /**
   * Writes what is left after the last item and makes it durable.
   * @param frontier that of the reader, with exactly the items that were added; not used where `isFinished`
   * @throws SnapshotRestoreError RESTORE_ROOT_MISMATCH, RESTORE_USAGE_MISMATCH, RESTORE_WRITER_FAILED, before
   *   anything says that the snapshot is there; DatabaseError DB_WRITE_FAILED
   */
  async finish(frontier: StateTreeFrontier): Promise<StateUsage> {
    if (this.#finished) return this.#finished;
    return await this.#unlessFailed(async () => {
      const { version, mode, rootHash } = this.#target;
      this.#requireFrontier(frontier);
      // Without a tree, this alone tells a whole snapshot from its first part.
      requireSnapshotRoot(rootHash, frontier.currentRoot());
      const usage = { items: BigInt(this.#items), bytes: BigInt(this.#bytes) };
      const root = this.#builder && this.#nodes ? this.#builder.finish(this.#nodes.rows) : undefined;
      if (root) requireSnapshotRoot(rootHash, root.hash);
      if (mode === 'tree_only') await requireCountedItems(this.#database, version, usage.items);
      await this.#nodes?.submit();
      await this.#settle();
      if (mode !== 'tree_only') await this.#finishValues(usage);
      if (root) await this.#writeRoot(root);
      this.#finished = usage;
      return usage;
    });
  }

  #requireFrontier({ leafCount, lastKey }: StateTreeFrontier): void {
    assert(leafCount === this.#items, 'the frontier has the items that were added');
    const isSame = this.#lastKey ? lastKey && equalBytes(lastKey, this.#lastKey) : lastKey === undefined;
    assert(isSame, 'the frontier ends at the last item');
  }

  async #addSlice(items: VerifiedStateItems, first: number, end: number): Promise<void> {
    const count = end - first;
    const keyHashes = items.keyHashes.subarray(first * HASH_SIZE, end * HASH_SIZE);
    const valueStarts = new Int32Array(count);
    const keyStarts = new Int32Array(count);
    let bytes = 0;
    for (let index = 0; index < count; index++) {
      const start = items.starts[first + index] ?? 0;
      this.#layout.read(items.bytes, start, items.ends[first + index] ?? 0);
      keyStarts[index] = start;
      valueStarts[index] = this.#layout.valueStart;
      bytes += this.#layout.keySize + this.#layout.dataSize;
    }
    if (this.#builder && this.#nodes) {
      const valueHashes = items.valueHashes.subarray(first * HASH_SIZE, end * HASH_SIZE);
      const stateKeys = { base: items.bytes, starts: keyStarts, ends: valueStarts };
      this.#builder.add({ keyHashes, valueHashes, count, stateKeys }, this.#nodes.rows);
    } else this.#requireRisingKeys(keyHashes, count);
    if (this.#values) {
      const { rows } = this.#values;
      for (let index = 0; index < count; index++) {
        const valueEnd = items.ends[first + index] ?? 0;
        const valueStart = valueStarts[index] ?? 0;
        this.#valueRows.add(rows, keyHashes, index * HASH_SIZE, items.bytes, valueStart, valueEnd);
      }
    }
    await this.#values?.submit();
    await this.#nodes?.submit();
    this.#items += count;
    this.#bytes += bytes;
    this.#lastKey = keyHashes.slice((count - 1) * HASH_SIZE);
  }

  #requireRisingKeys(keyHashes: Uint8Array, count: number): void {
    if (this.#lastKey) gapBetween(this.#lastKey, 0, keyHashes, 0, 0);
    for (let index = 1; index < count; index++) {
      gapBetween(keyHashes, (index - 1) * HASH_SIZE, keyHashes, index * HASH_SIZE, index);
    }
  }

  /** Data first, then the marker of the values that says so. */
  async #settle(): Promise<void> {
    await Promise.all([this.#values?.barrier(), this.#nodes?.barrier()]);
    if (this.#values === undefined || this.#lastKey === undefined) return;
    const store = this.#database.stateKvMetadata;
    const usage = { items: BigInt(this.#items), bytes: BigInt(this.#bytes) };
    const batch = new WriteBatch();
    putRow(batch, dbMetadataRows, valueProgressMarker(this.#target.version), {
      variant: 'StateSnapshotProgress',
      value: { key_hash: this.#lastKey, usage: { variant: 'Tracked', value: usage } },
    });
    await store.write(batch);
    await store.barrier();
  }

  /** The markers of a whole set of values, and its usage last. */
  async #finishValues(usage: StateUsage): Promise<void> {
    const { version } = this.#target;
    const shards = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);
    await Promise.all(
      shards.map(async (shard) => {
        const batch = new WriteBatch();
        putMarker(batch, { variant: 'StateKvShardCommitProgress', value: BigInt(shard) }, version);
        await this.#database.stateKvShard(shard).write(batch);
        await this.#database.stateKvShard(shard).barrier();
      }),
    );
    const progress = new WriteBatch();
    putMarker(progress, { variant: 'StateKvCommitProgress' }, version);
    await this.#database.stateKvMetadata.write(progress);
    await this.#database.stateKvMetadata.barrier();
    const usageRow = new WriteBatch();
    putRow(usageRow, versionDataRows, version, usage);
    await this.#database.ledgerMetadata.write(usageRow);
    await this.#database.ledgerMetadata.barrier();
  }

  async #writeRoot({ node }: BuiltRoot): Promise<void> {
    const batch = new WriteBatch();
    putRow(batch, treeNodeRows, { version: this.#target.version, path: ROOT_PATH }, node);
    await this.#database.stateMerkleMetadata.write(batch);
    await this.#database.stateMerkleMetadata.barrier();
  }

  /** After a failure, rows may be missing that are counted: nothing may be promised any more. */
  async #unlessFailed<T>(work: () => Promise<T>): Promise<T> {
    assert(this.#finished === undefined, 'the snapshot is not finished');
    if (this.#isFailed) {
      const message = 'an earlier call failed: the snapshot has to be gone on with from its last checkpoint';
      throw new SnapshotRestoreError('RESTORE_WRITER_FAILED', message);
    }
    this.#isFailed = true;
    const result = await work();
    this.#isFailed = false;
    return result;
  }
}

/** Behind the last item that is written together with `first`. */
function sliceEnd({ starts, ends, count }: VerifiedStateItems, first: number): number {
  const limit = Math.min(count, first + SLICE_ITEMS_MAX);
  let end = first;
  for (let bytes = 0; end < limit && bytes < SLICE_BYTES_MAX; end++) {
    bytes += (ends[end] ?? 0) - (starts[end] ?? 0);
  }
  return end;
}
