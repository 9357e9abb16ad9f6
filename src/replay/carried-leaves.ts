import { HASH_SIZE } from '../hashing/hash-value.js';
import type { PrunedTree } from './pruned-tree.js';
import type { SortedKeys } from '../merkle/touched-keys.js';

/** Leaves in key order, packed, 32 bytes a key and a leaf hash. */
export interface HashedLeaves {
  readonly keys: Uint8Array;
  readonly leafHashes: Uint8Array;
  readonly count: number;
}

/**
 * What became of the items that were written to since a snapshot: 65 bytes each. Laid over the snapshot's
 * items, it makes them those of a later version.
 */
export class CarriedLeaves implements HashedLeaves {
  readonly keys: Uint8Array;
  readonly leafHashes: Uint8Array;
  /** 1 where the item is there, 0 where it is gone. */
  readonly #present: Uint8Array;
  readonly count: number;

  private constructor(keys: Uint8Array, leafHashes: Uint8Array, present: Uint8Array, count: number) {
    this.keys = keys;
    this.leafHashes = leafHashes;
    this.#present = present;
    this.count = count;
  }

  static readonly none = new CarriedLeaves(new Uint8Array(), new Uint8Array(), new Uint8Array(), 0);

  /** All touched keys of a tree, as they are in it. */
  static of(tree: PrunedTree, { packed, count }: SortedKeys): CarriedLeaves {
    const leafHashes = new Uint8Array(count * HASH_SIZE);
    const present = new Uint8Array(count);
    for (let place = 0; place < count; place++) {
      if (!tree.has(place)) continue;
      present[place] = 1;
      leafHashes.set(tree.leafHash(place), place * HASH_SIZE);
    }
    return new CarriedLeaves(packed, leafHashes, present, count);
  }

  /** These, except where `later` says otherwise. */
  with(later: CarriedLeaves): CarriedLeaves {
    const room = this.count + later.count;
    const keys = new Uint8Array(room * HASH_SIZE);
    const leafHashes = new Uint8Array(room * HASH_SIZE);
    const present = new Uint8Array(room);
    let count = 0;
    const take = (from: CarriedLeaves, index: number): void => {
      copyHash(from.keys, index, keys, count);
      copyHash(from.leafHashes, index, leafHashes, count);
      present[count++] = from.#present[index] ?? 0;
    };
    let own = 0;
    for (let index = 0; index < later.count; index++) {
      while (own < this.count && compareKeys(this.keys, own, later.keys, index) < 0) take(this, own++);
      if (own < this.count && compareKeys(this.keys, own, later.keys, index) === 0) own++;
      take(later, index);
    }
    while (own < this.count) take(this, own++);
    return new CarriedLeaves(keys, leafHashes, present, count);
  }

  /**
   * Lays the carried leaves from place `from` on over leaves that follow on one another: those up to the
   * last of these, or all that are left if there are none.
   * @returns the leaves, which may be the ones that were given, and the place to go on from
   */
  layOver(leaves: HashedLeaves | undefined, from: number): { leaves: HashedLeaves; next: number } {
    if (leaves && from === this.count) return { leaves, next: from };
    const given = leaves ?? CarriedLeaves.none;
    const room = given.count + (this.count - from);
    const keys = new Uint8Array(room * HASH_SIZE);
    const leafHashes = new Uint8Array(room * HASH_SIZE);
    let count = 0;
    const take = (source: HashedLeaves, index: number): void => {
      copyHash(source.keys, index, keys, count);
      copyHash(source.leafHashes, index, leafHashes, count++);
    };
    const takeOwn = (index: number): void => {
      if (this.#present[index] === 1) take(this, index);
    };
    let next = from;
    for (let index = 0; index < given.count; index++) {
      while (next < this.count && compareKeys(this.keys, next, given.keys, index) < 0) takeOwn(next++);
      if (next < this.count && compareKeys(this.keys, next, given.keys, index) === 0) takeOwn(next++);
      else take(given, index);
    }
    if (!leaves) while (next < this.count) takeOwn(next++);
    return { leaves: { keys, leafHashes, count }, next };
  }
}

function copyHash(from: Uint8Array, index: number, to: Uint8Array, at: number): void {
  to.set(from.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE), at * HASH_SIZE);
}

/** Below 0 where the left key comes first. */
export function compareKeys(left: Uint8Array, leftAt: number, right: Uint8Array, rightAt: number): number {
  for (let index = 0; index < HASH_SIZE; index++) {
    const difference = (left[leftAt * HASH_SIZE + index] ?? 0) - (right[rightAt * HASH_SIZE + index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
