import type { DomainHasher } from '../../hashing/domain-hasher.js';
import type { HashValue } from '../../hashing/hash-value.js';
import { accumulatorHeight } from '../../merkle/accumulator-shape.js';
import { ACCUMULATOR_PLACEHOLDER } from '../../merkle/placeholders.js';
import type { AccumulatorProof, AccumulatorRangeProof } from '../../types/proofs.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { type AccumulatorPosition, postOrderIndex } from '../schema/accumulator-position.js';
import { getRows } from '../schema/rows.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { LedgerReadError } from './read-error.js';

/** Proofs from the stored transaction accumulator, towards any earlier size of it (section 7). */
export class AccumulatorReader {
  readonly #hasher: DomainHasher;
  readonly #store: KeyValueStore;

  constructor(hasher: DomainHasher, store: KeyValueStore) {
    this.#hasher = hasher;
    this.#store = store;
  }

  /**
   * That leaf `index` is one of the first `leafCount`, which it must be.
   * @throws LedgerReadError LEDGER_PROOF_INCOMPLETE
   */
  async proof(index: bigint, leafCount: bigint): Promise<AccumulatorProof> {
    return { siblings: await this.#hashes(siblingsOf(index, leafCount), leafCount) };
  }

  /** @throws LedgerReadError LEDGER_PROOF_INCOMPLETE */
  async rangeProof(first: bigint, last: bigint, leafCount: bigint): Promise<AccumulatorRangeProof> {
    const left = siblingsOf(first, leafCount).filter(({ index }) => (index & 1n) === 0n);
    const right = siblingsOf(last, leafCount).filter(({ index }) => (index & 1n) === 1n);
    const hashes = await this.#hashes([...left, ...right], leafCount);
    return { left_siblings: hashes.slice(0, left.length), right_siblings: hashes.slice(left.length) };
  }

  async #hashes(positions: readonly AccumulatorPosition[], leafCount: bigint): Promise<HashValue[]> {
    const keys = new Set(
      positions.flatMap((position) => frozenBelow(position, leafCount)).map(postOrderIndex),
    );
    const wanted = [...keys];
    const rows = await getRows(this.#store, transactionAccumulatorRows, wanted);
    const frozen = new Map(wanted.map((key, index) => [key, rows[index]]));
    return positions.map((position) => this.#hashOf(position, leafCount, frozen));
  }

  #hashOf(
    position: AccumulatorPosition,
    leafCount: bigint,
    frozen: ReadonlyMap<bigint, HashValue | undefined>,
  ): HashValue {
    if (firstLeaf(position) >= leafCount) return ACCUMULATOR_PLACEHOLDER;
    if (isFrozen(position, leafCount)) return frozen.get(postOrderIndex(position)) ?? missing(position);
    const [left, right] = childrenOf(position);
    return this.#hasher.pair(this.#hashOf(left, leafCount, frozen), this.#hashOf(right, leafCount, frozen));
  }
}

function siblingsOf(leaf: bigint, leafCount: bigint): AccumulatorPosition[] {
  return Array.from({ length: accumulatorHeight(leafCount) }, (_, level) => {
    return { level, index: (leaf >> BigInt(level)) ^ 1n };
  });
}

function firstLeaf({ level, index }: AccumulatorPosition): bigint {
  return index << BigInt(level);
}

/** Whether all leaves below are there, so that the node never changes again. */
function isFrozen({ level, index }: AccumulatorPosition, leafCount: bigint): boolean {
  return (index + 1n) << BigInt(level) <= leafCount;
}

function childrenOf({
  level,
  index,
}: AccumulatorPosition): readonly [AccumulatorPosition, AccumulatorPosition] {
  return [
    { level: level - 1, index: 2n * index },
    { level: level - 1, index: 2n * index + 1n },
  ];
}

/** The stored nodes that the hash of a node is made of. */
function frozenBelow(position: AccumulatorPosition, leafCount: bigint): AccumulatorPosition[] {
  if (firstLeaf(position) >= leafCount) return [];
  if (isFrozen(position, leafCount)) return [position];
  return childrenOf(position).flatMap((child) => frozenBelow(child, leafCount));
}

function missing(position: AccumulatorPosition): never {
  const { level, index } = position;
  const message = `the accumulator lacks node ${index} of level ${level}`;
  throw new LedgerReadError('LEDGER_PROOF_INCOMPLETE', message, { facts: { level, index } });
}
