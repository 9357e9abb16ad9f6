import assert from 'node:assert/strict';
import { equalBytes, HASH_SIZE, type HashValue, toHex } from '../../hashing/hash-value.js';
import { SPARSE_MERKLE_PLACEHOLDER } from '../../merkle/placeholders.js';
import { type SparseMerkleHashers, sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import { WriteBatch } from '../driver/write-batch.js';
import { NodeOverlay } from '../jellyfish/node-store.js';
import { TreeReader } from '../jellyfish/tree-reader.js';
import {
  type LeafUpdate,
  type NodeBatch,
  staleNodes,
  type TreeUpdate,
  updateTree,
  writtenNodes,
} from '../jellyfish/tree-update.js';
import { DatabaseNodes } from '../read/database-nodes.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { putMarker } from '../schema/progress-markers.js';
import { putRow } from '../schema/rows.js';
import { staleNodeIndexCrossEpochRows } from '../schema/stale-node-index-cross-epoch.js';
import { staleNodeIndexRows } from '../schema/stale-node-index.js';
import { CommitError } from './commit-error.js';
import type { StateWrites } from './state-writes.js';

const NO_BYTES = new Uint8Array(0);

/** What was written last to each of some items. */
type Writes = Map<string, LeafUpdate>;

/**
 * The state tree behind commits. Its root is known at every checkpoint, but only some versions of it are
 * written: in between, the nodes that change live in memory, on top of the newest tree on disk.
 */
export class StateTreeWriter {
  readonly #database: AptosDatabaseFiles;
  readonly #treeHashers: SparseMerkleHashers;
  readonly #overlay: NodeOverlay;
  /** The newest tree on disk. */
  #base: bigint | undefined;
  /** The newest tree of all: that of the last checkpoint with changes. */
  #tip: bigint | undefined;
  #tipRoot: HashValue;
  /** The step to the tip, where it is the only one since the base. */
  #firstStep: TreeUpdate | undefined;
  #steps = 0;
  readonly #sinceBase: Writes = new Map();
  readonly #sinceTip: Writes = new Map();

  private constructor(
    database: AptosDatabaseFiles,
    hashers: LedgerHashers,
    base: bigint | undefined,
    root: HashValue,
  ) {
    this.#database = database;
    this.#treeHashers = sparseMerkleHashers(hashers);
    this.#overlay = new NodeOverlay(new DatabaseNodes(database));
    this.#base = base;
    this.#tip = base;
    this.#tipRoot = root;
  }

  /**
   * @param base the version of the newest tree on disk
   * @throws JellyfishError JELLYFISH_ROOT_MISSING
   */
  static async open(
    database: AptosDatabaseFiles,
    hashers: LedgerHashers,
    base: bigint | undefined,
  ): Promise<StateTreeWriter> {
    const reader = new TreeReader(sparseMerkleHashers(hashers), new DatabaseNodes(database));
    const root = base === undefined ? SPARSE_MERKLE_PLACEHOLDER : await reader.rootHash(base);
    return new StateTreeWriter(database, hashers, base, root);
  }

  /** The version of the newest tree on disk. */
  get base(): bigint | undefined {
    return this.#base;
  }

  /** Items that changed between then and the last checkpoint. */
  get pendingItems(): number {
    return this.#sinceBase.size;
  }

  /** Whether nothing was added since the last checkpoint. */
  get isSettled(): boolean {
    return this.#sinceTip.size === 0;
  }

  /** Takes note of writes `from..to`, whose values are hashed. */
  add(writes: StateWrites, from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const start = index * HASH_SIZE;
      const keyHash = writes.keyHashes.slice(start, start + HASH_SIZE);
      const name = toHex(keyHash);
      if (writes.dataBytes[index] === undefined) {
        this.#sinceTip.set(name, { keyHash, value: undefined });
        continue;
      }
      const valueHash = writes.valueHashes.slice(start, start + HASH_SIZE);
      // A copy: nodes are kept for long, the record that the key is a view of is not.
      const stateKey = (writes.stateKeys[index] ?? NO_BYTES).slice();
      this.#sinceTip.set(name, { keyHash, value: { valueHash, stateKey } });
    }
  }

  /**
   * Brings the tree up to a version and compares its root.
   * @throws CommitError COMMIT_STATE_ROOT_MISMATCH
   */
  async checkpoint(version: bigint, expected: HashValue): Promise<void> {
    if (this.#sinceTip.size > 0) {
      const updates = [...this.#sinceTip.values()];
      const step = await updateTree(this.#treeHashers, this.#overlay, { base: this.#tip, version, updates });
      this.#overlay.replace(writtenNodes(step), staleNodes(step));
      this.#firstStep = this.#steps++ === 0 ? step : undefined;
      this.#tip = version;
      this.#tipRoot = step.rootHash;
      for (const [name, update] of this.#sinceTip) this.#sinceBase.set(name, update);
      this.#sinceTip.clear();
    }
    if (equalBytes(this.#tipRoot, expected)) return;
    throw new CommitError(
      'COMMIT_STATE_ROOT_MISMATCH',
      `the state at version ${version} has root ${toHex(this.#tipRoot)}, its info says ${toHex(expected)}`,
      { facts: { version, expected: toHex(expected), actual: toHex(this.#tipRoot) } },
    );
  }

  /**
   * All that a tree of the version, the last checkpoint, adds to the one on disk. What was added since is
   * not in it.
   */
  async plan(version: bigint): Promise<TreeUpdate> {
    if (this.#firstStep && this.#tip === version) return this.#firstStep;
    const updates = [...this.#sinceBase.values()];
    const request = { base: this.#base, version, updates };
    const whole = await updateTree(this.#treeHashers, this.#overlay, request);
    assert(equalBytes(whole.rootHash, this.#tipRoot), 'one step leads where many steps lead');
    return whole;
  }

  /**
   * Writes a plan: shards, then the root, so that a root on disk means a whole tree.
   * @param previousEpochEnd the last version that ended an epoch before the plan's: older nodes go to the
   *   index that nodes keep longer
   * @param counts the version counts already, so that a root that survives a power cut will be relied upon:
   *   its shards are made durable first
   */
  async write(
    plan: TreeUpdate,
    previousEpochEnd: bigint | undefined,
    { counts = false }: { readonly counts?: boolean } = {},
  ): Promise<void> {
    const { version } = plan;
    const batchOf = (part: NodeBatch): WriteBatch => nodeRows(part, version, previousEpochEnd);
    const writeShard = async (shard: number): Promise<void> => {
      const part = plan.shards[shard];
      assert(part);
      const batch = batchOf(part);
      putMarker(batch, { variant: 'StateMerkleShardCommitProgress', value: BigInt(shard) }, version);
      await this.#database.stateMerkleShard(shard).write(batch);
    };
    const shards = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);
    await Promise.all(shards.map((shard) => writeShard(shard)));
    if (counts) await Promise.all(shards.map((shard) => this.#database.stateMerkleShard(shard).barrier()));
    const root = batchOf(plan.root);
    putMarker(root, { variant: 'StateMerkleCommitProgress' }, version);
    await this.#database.stateMerkleMetadata.write(root);
    this.#overlay.settle(writtenNodes(plan), staleNodes(plan));
    this.#base = version;
    this.#tip = version;
    this.#firstStep = undefined;
    this.#steps = 0;
    this.#sinceBase.clear();
  }
}

/** Rows of one instance: its nodes and the index of those that they replace. */
function nodeRows(part: NodeBatch, version: bigint, previousEpochEnd: bigint | undefined): WriteBatch {
  const batch = new WriteBatch();
  for (const [key, node] of part.nodes) putRow(batch, treeNodeRows, key, node);
  for (const nodeKey of part.stale) {
    const isOld = previousEpochEnd !== undefined && nodeKey.version <= previousEpochEnd;
    const index = isOld ? staleNodeIndexCrossEpochRows : staleNodeIndexRows;
    putRow(batch, index, { staleSinceVersion: version, nodeKey }, undefined);
  }
  return batch;
}
