import assert from 'node:assert/strict';
import pMap from 'p-map';
import { equalBytes, HASH_SIZE, type HashValue, toHex } from '../../hashing/hash-value.js';
import {
  packedLeafHashes,
  type SparseMerkleHashers,
  sparseMerkleHashers,
} from '../../merkle/sparse-merkle-hashers.js';
import { WriteLog } from '../../merkle/write-log.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import { WriteBatch } from '../driver/write-batch.js';
import { type NewLeaf, type NodeBatch, UnwrittenTree } from '../jellyfish/unwritten-tree.js';
import { DatabaseNodes } from '../read/database-nodes.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { putMarker } from '../schema/progress-markers.js';
import { putRow } from '../schema/rows.js';
import { staleNodeIndexCrossEpochRows } from '../schema/stale-node-index-cross-epoch.js';
import { staleNodeIndexRows } from '../schema/stale-node-index.js';
import type { TreeChild } from '../schema/tree-node.js';
import { CommitError } from './commit-error.js';
import { ItemLeaves } from './item-leaves.js';
import type { StateWrites } from './state-writes.js';

/** Shards that are written at a time, and bytes of each one's rows that are then in memory. */
const SHARDS_AT_ONCE = 2;
const SHARD_ROWS_BYTES = 1 << 18;

/**
 * The state tree behind commits. Its root is compared at every checkpoint, but only some versions of it are
 * written. Writes and checkpoints are logged, and dealt with many at a time by `settle`.
 */
export class StateTreeWriter {
  readonly #database: AptosDatabaseFiles;
  readonly #hashers: SparseMerkleHashers;
  /** The newest tree on disk. */
  #base: bigint | undefined;
  #tree: UnwrittenTree;
  /** Keys of all items that changed since the base; writes and checkpoints that are not settled. */
  readonly #log = new WriteLog();
  /** Of the last checkpoint's items and those after it. */
  #leaves = new ItemLeaves();
  /** Items that changed up to the last checkpoint. */
  #pendingItems = 0;

  private constructor(
    database: AptosDatabaseFiles,
    hashers: SparseMerkleHashers,
    base: bigint | undefined,
    tree: UnwrittenTree,
  ) {
    this.#database = database;
    this.#hashers = hashers;
    this.#base = base;
    this.#tree = tree;
  }

  /**
   * @param base the version of the newest tree on disk
   * @throws JellyfishError JELLYFISH_ROOT_MISSING
   */
  static async open(
    database: AptosDatabaseFiles,
    ledgerHashers: LedgerHashers,
    base: bigint | undefined,
  ): Promise<StateTreeWriter> {
    const hashers = sparseMerkleHashers(ledgerHashers);
    const tree = await UnwrittenTree.open(hashers, new DatabaseNodes(database), base);
    return new StateTreeWriter(database, hashers, base, tree);
  }

  /** The version of the newest tree on disk. */
  get base(): bigint | undefined {
    return this.#base;
  }

  /** Items that changed between then and the last checkpoint. */
  get pendingItems(): number {
    return this.#pendingItems;
  }

  /** Whether nothing was added since the last checkpoint that was settled. */
  get isSettled(): boolean {
    return this.#log.writeCount === 0;
  }

  /** Takes note of writes `from..to`, whose values are hashed. */
  add(writes: StateWrites, from: number, to: number): void {
    const first = this.#log.writeCount;
    this.#log.append(writes, from, to);
    for (let index = from; index < to; index++) {
      if (writes.dataBytes[index] === undefined) continue;
      this.#leaves.setStateKey(this.#log.keyOf(first + index - from), writes.stateKeys[index]);
    }
  }

  /** What was added up to here has this root, as `settle` will see. */
  checkpoint(version: bigint, expected: HashValue): void {
    this.#log.checkpoint(version, expected, 0);
    this.#pendingItems = this.#log.keyCount;
  }

  /**
   * Brings the tree up to the last checkpoint, and compares its root at each one on the way.
   * @throws JellyfishError JELLYFISH_NODE_MISSING, JELLYFISH_ROOT_IS_LEAF
   * @throws CommitError COMMIT_STATE_ROOT_MISMATCH, of the first one that differs
   */
  async settle(): Promise<void> {
    const count = this.#log.checkpointCount;
    const last = this.#log.checkpointAt(count - 1);
    if (last === undefined) return;
    const log = this.#log;
    if (last.writesEnd > 0) {
      const items = new Set<number>();
      for (let write = 0; write < last.writesEnd; write++) items.add(log.keyOf(write));
      await this.#tree.load(items, (item) => log.keyHash(item));
    }
    const leafHashes = this.#leafHashes(last.writesEnd);
    let write = 0;
    for (let index = 0; index < count; index++) {
      const writesEnd = log.checkpointAt(index)?.writesEnd ?? 0;
      for (; write < writesEnd; write++) this.#apply(write, leafHashes);
      this.#tree.noteRoot();
    }
    this.#compare(this.#tree.takeRoots());
    log.dropWritesThrough(count - 1);
  }

  /** Items of the tree of the last checkpoint that was settled. */
  get leafCount(): number {
    return this.#tree.leafCount;
  }

  /**
   * Writes the tree of the version, that of the last checkpoint, which must be settled; what was added since
   * is not in it. Shards come first, a few at a time, then the root: so a root on disk means a whole tree.
   * @param previousEpochEnd the last version that ended an epoch before this one: older nodes go to the index
   *   that nodes keep longer
   * @param counts the version counts already, so that a root that survives a power cut will be relied upon:
   *   its shards are made durable first
   * @throws JellyfishError JELLYFISH_NODE_MISSING, JELLYFISH_ROOT_IS_LEAF
   */
  async write(
    version: bigint,
    previousEpochEnd: bigint | undefined,
    { counts = false }: { readonly counts?: boolean } = {},
  ): Promise<void> {
    assert.equal(this.#log.checkpointCount, 0, 'checkpoints are settled before a tree is written');
    const put = (batch: WriteBatch, part: NodeBatch): void => {
      putNodeRows(batch, part, version, previousEpochEnd);
    };
    const shards = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);
    const writeShard = async (shard: number): Promise<TreeChild | undefined> => {
      const store = this.#database.stateMerkleShard(shard);
      const batch = new WriteBatch();
      const newLeafOf = (item: number): NewLeaf => this.#newLeaf(item);
      const top = await this.#tree.planShard(version, shard, newLeafOf, async (part) => {
        put(batch, part);
        if (batch.byteSize < SHARD_ROWS_BYTES) return;
        await store.write(batch);
        batch.clear();
      });
      putMarker(batch, { variant: 'StateMerkleShardCommitProgress', value: BigInt(shard) }, version);
      await store.write(batch);
      return top;
    };
    const tops = await pMap(shards, writeShard, { concurrency: SHARDS_AT_ONCE });
    if (counts) await Promise.all(shards.map((shard) => this.#database.stateMerkleShard(shard).barrier()));
    const root = new WriteBatch();
    put(root, this.#tree.planRoot(version, tops));
    putMarker(root, { variant: 'StateMerkleCommitProgress' }, version);
    await this.#database.stateMerkleMetadata.write(root);
    this.#base = version;
    this.#tree = await UnwrittenTree.open(this.#hashers, new DatabaseNodes(this.#database), version);
    this.#forgetItems();
  }

  #leafHashes(writesEnd: number): Uint8Array {
    const log = this.#log;
    const keys = new Uint8Array(writesEnd * HASH_SIZE);
    for (let write = 0; write < writesEnd; write++) {
      keys.set(log.keyHash(log.keyOf(write)), write * HASH_SIZE);
    }
    return packedLeafHashes(this.#hashers.leaf, keys, log.valueHashes, 0, writesEnd);
  }

  #apply(write: number, leafHashes: Uint8Array): void {
    const item = this.#log.keyOf(write);
    if (this.#log.isDeletion(write)) {
      this.#tree.remove(item);
      return;
    }
    this.#leaves.setValueHash(item, this.#log.valueHash(write));
    this.#tree.put(item, leafHashes, write * HASH_SIZE);
  }

  #compare(roots: readonly HashValue[]): void {
    roots.forEach((actual, index) => {
      const checkpoint = this.#log.checkpointAt(index);
      assert(checkpoint);
      const { version, root: expected } = checkpoint;
      if (equalBytes(actual, expected)) return;
      throw new CommitError(
        'COMMIT_STATE_ROOT_MISMATCH',
        `the state at version ${version} has root ${toHex(actual)}, its info says ${toHex(expected)}`,
        { facts: { version, expected: toHex(expected), actual: toHex(actual) } },
      );
    });
  }

  #newLeaf(item: number): NewLeaf {
    return { keyHash: this.#log.keyHash(item).slice(), ...this.#leaves.leaf(item) };
  }

  /** Of what was written; writes behind the last checkpoint stay. */
  #forgetItems(): void {
    const log = this.#log;
    const before = this.#leaves;
    const items = Array.from({ length: log.writeCount }, (_, write) => log.keyOf(write));
    log.dropThrough(-1);
    this.#leaves = new ItemLeaves();
    items.forEach((item, write) => {
      if (!log.isDeletion(write)) this.#leaves.setStateKey(log.keyOf(write), before.stateKey(item));
    });
    this.#pendingItems = 0;
  }
}

/** Adds rows of one instance: nodes, and the index of those that are replaced. */
function putNodeRows(
  batch: WriteBatch,
  { nodes, stale }: NodeBatch,
  version: bigint,
  previousEpochEnd: bigint | undefined,
): void {
  for (const [key, node] of nodes) putRow(batch, treeNodeRows, key, node);
  for (const nodeKey of stale) {
    const isOld = previousEpochEnd !== undefined && nodeKey.version <= previousEpochEnd;
    const index = isOld ? staleNodeIndexCrossEpochRows : staleNodeIndexRows;
    putRow(batch, index, { staleSinceVersion: version, nodeKey }, undefined);
  }
}
