import assert from 'node:assert/strict';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { appendLeaves, gapBetween } from './sorted-leaves.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';
import { EMPTY_RUN, type SubtreeRun, SubtreeRunBuilder } from './subtree-run.js';

/** The ends of a segment that has leaves. */
export interface SegmentEnds {
  readonly firstKey: HashValue;
  readonly lastKey: HashValue;
  readonly lastValueHash: HashValue;
}

/** A segment as a plain value, which can be posted between threads. */
export interface StateTreeSegmentData {
  readonly leafCount: number;
  readonly ends: SegmentEnds | undefined;
  readonly run: SubtreeRun;
}

/**
 * A range of state leaves, hashed without knowing what lies on its left: at most some 512 subtree hashes,
 * however many leaves (spec: formats.md, 9.5). Chunks become segments independently of each other, in any
 * order and on any thread; `StateTreeFrontier.addSegment` then takes them in key order.
 */
export class StateTreeSegment {
  readonly data: StateTreeSegmentData;
  readonly #hashers: SparseMerkleHashers;

  constructor(hashers: SparseMerkleHashers, data: StateTreeSegmentData) {
    this.#hashers = hashers;
    this.data = data;
  }

  /**
   * Keys and value hashes are packed, 32 bytes each, and only read.
   * @param builder one that is used again keeps its memory
   * @throws MerkleError MERKLE_KEYS_NOT_INCREASING
   */
  static fromLeaves(
    hashers: SparseMerkleHashers,
    packedKeys: Uint8Array,
    packedValueHashes: Uint8Array,
    count: number,
    builder: SubtreeRunBuilder = new SubtreeRunBuilder(hashers),
  ): StateTreeSegment {
    assert(packedKeys.length >= count * HASH_SIZE && packedValueHashes.length >= count * HASH_SIZE);
    const leaves = { keys: packedKeys, valueHashes: packedValueHashes, count };
    const run = appendLeaves(hashers, builder, 'unknown', EMPTY_RUN, undefined, leaves);
    const last = (count - 1) * HASH_SIZE;
    const ends = count > 0 && {
      firstKey: packedKeys.slice(0, HASH_SIZE),
      lastKey: packedKeys.slice(last, last + HASH_SIZE),
      lastValueHash: packedValueHashes.slice(last, last + HASH_SIZE),
    };
    return new StateTreeSegment(hashers, { leafCount: count, ends: ends || undefined, run });
  }

  get leafCount(): number {
    return this.data.leafCount;
  }

  /**
   * This segment and the one that follows it, as one. Neither changes.
   * @throws MerkleError MERKLE_KEYS_NOT_INCREASING
   */
  merge(next: StateTreeSegment): StateTreeSegment {
    const left = this.data;
    const right = next.data;
    if (!left.ends) return next;
    if (!right.ends) return this;
    const gap = gapBetween(left.ends.lastKey, 0, right.ends.firstKey, 0, 0);
    const builder = new SubtreeRunBuilder(this.#hashers);
    builder.start('unknown', left.run);
    builder.pushRun(right.run, gap);
    return new StateTreeSegment(this.#hashers, {
      leafCount: left.leafCount + right.leafCount,
      ends: { ...right.ends, firstKey: left.ends.firstKey },
      run: builder.finish(),
    });
  }
}
