import assert from 'node:assert/strict';
import type { DomainHasher } from '../../hashing/domain-hasher.js';
import type { HashValue } from '../../hashing/hash-value.js';
import { Accumulator } from '../../merkle/accumulator.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import type { WriteBatch } from '../driver/write-batch.js';
import { frozenSubtreePositions, postOrderIndex } from '../schema/accumulator-position.js';
import { getRows, putRow } from '../schema/rows.js';
import { transactionAccumulatorRootHashRows } from '../schema/transaction-accumulator-root-hash.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { CommitError } from './commit-error.js';

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

  get root(): HashValue {
    return Accumulator.fromFrozenRoots(this.#hasher, this.#frozen, this.#leafCount).root();
  }

  /** Adds the rows of one more leaf: the nodes that it completes, and the root at its version. */
  append(batch: WriteBatch, leaf: HashValue): void {
    const version = this.#leafCount;
    let node = leaf;
    let index = version;
    for (let level = 0; ; level++) {
      putRow(batch, transactionAccumulatorRows, postOrderIndex({ level, index }), node);
      if ((index & 1n) === 0n) break;
      const left = this.#frozen.pop();
      assert(left, 'a right child has a left neighbour');
      node = this.#hasher.pair(left, node);
      index >>= 1n;
    }
    this.#frozen.push(node);
    this.#leafCount++;
    putRow(batch, transactionAccumulatorRootHashRows, version, this.root);
  }
}
