import assert from 'node:assert/strict';
import type { DomainHasher } from '../../hashing/domain-hasher.js';
import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import { Accumulator } from '../../merkle/accumulator.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { frozenNodeCount, frozenSubtreePositions, postOrderIndex } from '../schema/accumulator-position.js';
import { getRows } from '../schema/rows.js';
import { transactionAccumulatorRootHashRows } from '../schema/transaction-accumulator-root-hash.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { CommitError } from './commit-error.js';
import type { LedgerBatches } from './ledger-batches.js';

/** Appends to the stored transaction accumulator (spec: aptosdb-schema.md, section 7). */
export class AccumulatorWriter {
  readonly #hasher: DomainHasher;
  /** Roots of the complete subtrees, largest first. */
  readonly #frozen: HashValue[];
  #leafCount: bigint;

  private constructor(hasher: DomainHasher, frozen: HashValue[], leafCount: bigint) {
    this.#hasher = hasher;
    this.#frozen = frozen;
    this.#leafCount = leafCount;
  }

  /** @throws CommitError COMMIT_DATABASE_INCOMPLETE where a frozen subtree of the leaves is missing */
  static async open(
    hasher: DomainHasher,
    store: KeyValueStore,
    leafCount: bigint,
  ): Promise<AccumulatorWriter> {
    const keys = frozenSubtreePositions(leafCount).map(postOrderIndex);
    const rows = await getRows(store, transactionAccumulatorRows, keys);
    const frozen = rows.filter((root) => root !== undefined);
    if (frozen.length < keys.length) {
      const message = `the accumulator lacks a frozen subtree of its ${leafCount} leaves`;
      throw new CommitError('COMMIT_DATABASE_INCOMPLETE', message, { facts: { leafCount } });
    }
    return new AccumulatorWriter(hasher, frozen, leafCount);
  }

  get leafCount(): bigint {
    return this.#leafCount;
  }

  get root(): HashValue {
    return Accumulator.fromFrozenRoots(this.#hasher, this.#frozen, this.#leafCount).root();
  }

  /** Adds the rows of some more leaves, packed and only read: the nodes that each completes. */
  append({ accumulator, keys }: LedgerBatches, packedLeaves: Uint8Array, count: number): void {
    // In this order, nodes are completed one behind the other.
    let next = frozenNodeCount(this.#leafCount);
    for (let leaf = 0; leaf < count; leaf++) {
      let node: HashValue = packedLeaves.slice(leaf * HASH_SIZE, (leaf + 1) * HASH_SIZE);
      accumulator.put(transactionAccumulatorRows.name, keys.u64(next++), keys.value(node, 0, HASH_SIZE));
      for (let index = this.#leafCount; index & 1n; index >>= 1n) {
        const left = this.#frozen.pop();
        assert(left, 'a right child has a left neighbour');
        node = this.#hasher.pair(left, node);
        accumulator.put(transactionAccumulatorRows.name, keys.u64(next++), keys.value(node, 0, HASH_SIZE));
      }
      this.#frozen.push(node);
      this.#leafCount++;
    }
  }

  /** The same, with the root at each version, which a commit writes and a restore does not. */
  appendWithRoots(batches: LedgerBatches, packedLeaves: Uint8Array, count: number): void {
    for (let leaf = 0; leaf < count; leaf++) {
      const version = this.#leafCount;
      this.append(batches, packedLeaves.subarray(leaf * HASH_SIZE, (leaf + 1) * HASH_SIZE), 1);
      const { accumulator, keys } = batches;
      const root = keys.value(this.root, 0, HASH_SIZE);
      accumulator.put(transactionAccumulatorRootHashRows.name, keys.u64(version), root);
    }
  }
}
