import assert from 'node:assert/strict';
import type { DomainHasher } from '../../hashing/domain-hasher.js';
import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import { Accumulator } from '../../merkle/accumulator.js';
import { DeferredNodes } from '../../merkle/deferred-nodes.js';
import { ACCUMULATOR_PLACEHOLDER } from '../../merkle/placeholders.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { frozenNodeCount, frozenSubtreePositions, postOrderIndex } from '../schema/accumulator-position.js';
import { getRows } from '../schema/rows.js';
import { transactionAccumulatorRootHashRows } from '../schema/transaction-accumulator-root-hash.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { CommitError } from './commit-error.js';
import type { LedgerBatches } from './ledger-batches.js';

/**
 * Appends to the stored transaction accumulator (spec: aptosdb-schema.md, section 7). Hashes of the leaves of
 * one call are computed together.
 */
export class AccumulatorWriter {
  readonly #hasher: DomainHasher;
  readonly #nodes: DeferredNodes;
  /** Roots of the complete subtrees, largest first. */
  #frozen: HashValue[];
  #leafCount: bigint;

  private constructor(hasher: DomainHasher, frozen: HashValue[], leafCount: bigint) {
    this.#hasher = hasher;
    this.#nodes = new DeferredNodes(hasher, ACCUMULATOR_PLACEHOLDER);
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
  append(batches: LedgerBatches, packedLeaves: Uint8Array, count: number): void {
    this.#append(batches, packedLeaves, count, undefined);
  }

  /** The same, with the root at each version, which a commit writes and a restore does not. */
  appendWithRoots(batches: LedgerBatches, packedLeaves: Uint8Array, count: number): void {
    const roots: number[] = [];
    const firstVersion = this.#leafCount;
    this.#append(batches, packedLeaves, count, roots);
    const { accumulator, keys } = batches;
    roots.forEach((root, index) => {
      const hash = keys.value(this.#nodes.hashView(root), 0, HASH_SIZE);
      accumulator.put(transactionAccumulatorRootHashRows.name, keys.u64(firstVersion + BigInt(index)), hash);
    });
  }

  /** @param roots takes the number of each leaf's root, if they are wanted */
  #append(
    { accumulator, keys }: LedgerBatches,
    packedLeaves: Uint8Array,
    count: number,
    roots: number[] | undefined,
  ): void {
    const nodes = this.#nodes;
    nodes.clear();
    const frozen = this.#frozen.map((root) => nodes.inputs(root, 1));
    const firstLeaf = nodes.inputs(packedLeaves, count);
    // In this order, nodes are completed one behind the other.
    const completed: number[] = [];
    let next = frozenNodeCount(this.#leafCount);
    let leafCount = Number(this.#leafCount);
    for (let leaf = 0; leaf < count; leaf++) {
      let node = firstLeaf + leaf;
      completed.push(node);
      for (let index = leafCount; index % 2 === 1; index = Math.floor(index / 2)) {
        const left = frozen.pop();
        assert(left !== undefined, 'a right child has a left neighbour');
        node = nodes.node(left, node);
        completed.push(node);
      }
      frozen.push(node);
      leafCount++;
      roots?.push(this.#rootOf(frozen, leafCount));
    }
    nodes.run();
    for (const node of completed) {
      const hash = keys.value(nodes.hashView(node), 0, HASH_SIZE);
      accumulator.put(transactionAccumulatorRows.name, keys.u64(next++), hash);
    }
    this.#frozen = frozen.map((node) => nodes.hashOf(node));
    this.#leafCount += BigInt(count);
  }

  /** The root over complete subtrees: from the smallest up, with a larger one or nothing beside it. */
  #rootOf(frozen: readonly number[], leafCount: number): number {
    const nodes = this.#nodes;
    let place = frozen.length - 1;
    let node = frozen[place] ?? nodes.placeholder;
    if (place === 0) return node;
    let rest = leafCount;
    while (rest % 2 === 0) rest /= 2;
    node = nodes.node(node, nodes.placeholder);
    for (rest = Math.floor(rest / 2); rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 0) node = nodes.node(node, nodes.placeholder);
      else node = nodes.node(frozen[--place] ?? nodes.placeholder, node);
    }
    return node;
  }
}
