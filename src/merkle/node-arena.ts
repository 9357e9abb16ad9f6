import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { KEY_BITS, keyBit, sharedPrefixBits } from './key-bits.js';

/** No node. */
export const NONE = -1;

/**
 * The nodes of a binary tree as columns of numbers, which take a tenth of what objects would. A node is a
 * number: a leaf, present or not, a branch, or a collapsed subtree. A branch is soiled while its hash is not
 * that of its children.
 */
export class NodeArena {
  /** One for each leaf and each subtree; never moved to another place. */
  #keys: Uint8Array;
  #keyCount: number;
  #hashes: Uint8Array;
  #depths: Int16Array;
  #lefts: Int32Array;
  #rights: Int32Array;
  /** Which key tells a node's place: any below it, also one that is gone since. */
  #keyOf: Uint32Array;
  /** 1 for soiled branches and for leaves that are present. */
  #flags: Uint8Array;
  #numbers: Uint32Array;
  #count: number;
  #freed: number[] = [];

  /**
   * Nodes 0 to `count - 1` are leaves of these keys, none of them present.
   * @param keys 32 bytes each; kept, not copied
   */
  constructor(keys: Uint8Array = new Uint8Array(0), count = 0) {
    const capacity = Math.max(1024, 4 * count);
    this.#keys = keys;
    this.#keyCount = count;
    this.#count = count;
    this.#hashes = new Uint8Array(capacity * HASH_SIZE);
    this.#depths = new Int16Array(capacity).fill(KEY_BITS);
    this.#lefts = new Int32Array(capacity).fill(NONE);
    this.#rights = new Int32Array(capacity).fill(NONE);
    this.#keyOf = new Uint32Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#numbers = new Uint32Array(capacity);
    for (let leaf = 0; leaf < count; leaf++) this.#keyOf[leaf] = leaf;
  }

  get count(): number {
    return this.#count - this.#freed.length;
  }

  /** A new leaf, not present; the key at `keys[at]` is copied. */
  leaf(keys: Uint8Array, at: number): number {
    return this.#terminal(keys, at, KEY_BITS);
  }

  /** A new branch, soiled. */
  branch(depth: number, left: number, right: number): number {
    const node = this.#freed.pop() ?? this.#next();
    this.#depths[node] = depth;
    this.#lefts[node] = left;
    this.#rights[node] = right;
    this.#keyOf[node] = this.#keyOf[left] ?? 0;
    this.#flags[node] = 1;
    this.#numbers[node] = 0;
    return node;
  }

  /** A new subtree of which only the hash is known; the key is copied. */
  subtree(key: HashValue, depth: number, hash: HashValue): number {
    const node = this.#terminal(key, 0, depth);
    this.setHash(node, hash);
    return node;
  }

  /**
   * Puts what `other` is in the place of a subtree; `other` is of no more use. The hash stays where it is
   * that of a branch at the same depth.
   */
  become(subtree: number, other: number): void {
    const depth = this.depth(other);
    const isKnown = this.isBranch(other) && depth === this.depth(subtree);
    if (!isKnown) this.#hashes.copyWithin(subtree * HASH_SIZE, other * HASH_SIZE, (other + 1) * HASH_SIZE);
    this.#flags[subtree] = isKnown ? 0 : (this.#flags[other] ?? 0);
    this.#depths[subtree] = depth;
    this.#lefts[subtree] = this.left(other);
    this.#rights[subtree] = this.right(other);
    this.#keyOf[subtree] = this.#keyOf[other] ?? 0;
    this.#numbers[subtree] = 0;
    this.free(other);
  }

  /** The node is not used any more: its number will be that of another branch. */
  free(node: number): void {
    this.#flags[node] = 0;
    this.#numbers[node] = 0;
    this.#freed.push(node);
  }

  isBranch(node: number): boolean {
    return (this.#lefts[node] ?? NONE) !== NONE;
  }

  /** Where a branch's or subtree's keys part; 256 for a single key, -1 for no node. */
  depth(node: number): number {
    return this.#depths[node] ?? NONE;
  }

  left(branch: number): number {
    return this.#lefts[branch] ?? NONE;
  }

  right(branch: number): number {
    return this.#rights[branch] ?? NONE;
  }

  replaceChild(branch: number, before: number, after: number): void {
    if (this.#lefts[branch] === before) this.#lefts[branch] = after;
    else this.#rights[branch] = after;
  }

  /** Bit `index` of a node's key. */
  bit(node: number, index: number): 0 | 1 {
    return keyBit(this.#keys, (this.#keyOf[node] ?? 0) * HASH_SIZE, index);
  }

  /** Leading bits that the keys of two nodes share. */
  sharedBits(left: number, right: number): number {
    const [leftAt, rightAt] = [this.#keyOf[left] ?? 0, this.#keyOf[right] ?? 0];
    return sharedPrefixBits(this.#keys, leftAt * HASH_SIZE, this.#keys, rightAt * HASH_SIZE);
  }

  /** The place of a node's key among all keys: the same for as long as a leaf or subtree is what it is. */
  keyPlace(node: number): number {
    return this.#keyOf[node] ?? 0;
  }

  /** The key at a place, a view, valid until the next node is made; of a subtree, its first bits count. */
  keyAt(place: number): Uint8Array {
    return this.#keys.subarray(place * HASH_SIZE, (place + 1) * HASH_SIZE);
  }

  /** More bits of a subtree's key became known. */
  setKeyAt(place: number, key: HashValue): void {
    this.#keys.set(key, place * HASH_SIZE);
  }

  /** A view, valid until the next node is made. */
  hash(node: number): HashValue {
    return this.#hashes.subarray(node * HASH_SIZE, (node + 1) * HASH_SIZE);
  }

  /** The 32 bytes at `bytes[at]`, copied. */
  setHash(node: number, bytes: Uint8Array, at = 0): void {
    const to = node * HASH_SIZE;
    for (let index = 0; index < HASH_SIZE; index++) this.#hashes[to + index] = bytes[at + index] ?? 0;
  }

  isPresent(leaf: number): boolean {
    return this.#flags[leaf] === 1;
  }

  setPresent(leaf: number, present: boolean): void {
    this.#flags[leaf] = present ? 1 : 0;
  }

  soil(branch: number): void {
    this.#flags[branch] = 1;
    this.#numbers[branch] = 0;
  }

  isSoiled(node: number): boolean {
    return this.#flags[node] === 1 && this.isBranch(node);
  }

  /** Of a hash that is noted to be computed or used, 0 if none is. */
  number(node: number): number {
    return this.#numbers[node] ?? 0;
  }

  /** What is soiled is so no more: its hash is known by that number. */
  setNumber(node: number, number: number): void {
    this.#numbers[node] = number;
    if (this.isBranch(node)) this.#flags[node] = 0;
  }

  /** Where the node still has a number, its hash is what the number stood for. */
  settle(node: number, hash: HashValue): void {
    this.#numbers[node] = 0;
    this.setHash(node, hash);
  }

  #terminal(keys: Uint8Array, at: number, depth: number): number {
    const node = this.#next();
    const place = this.#keyCount++;
    if (this.#keys.length < this.#keyCount * HASH_SIZE) {
      const grown = new Uint8Array(Math.max(1024 * HASH_SIZE, this.#keys.length * 2));
      grown.set(this.#keys);
      this.#keys = grown;
    }
    const to = place * HASH_SIZE;
    for (let index = 0; index < HASH_SIZE; index++) this.#keys[to + index] = keys[at + index] ?? 0;
    this.#depths[node] = depth;
    this.#lefts[node] = NONE;
    this.#keyOf[node] = place;
    this.#flags[node] = 0;
    this.#numbers[node] = 0;
    return node;
  }

  #next(): number {
    if (this.#count === this.#depths.length) this.#grow();
    return this.#count++;
  }

  #grow(): void {
    const size = this.#depths.length * 2;
    const grown = <Column extends Uint8Array | Int16Array | Int32Array | Uint32Array>(
      before: Column,
      after: Column,
    ): Column => {
      after.set(before);
      return after;
    };
    this.#hashes = grown(this.#hashes, new Uint8Array(size * HASH_SIZE));
    this.#depths = grown(this.#depths, new Int16Array(size));
    this.#lefts = grown(this.#lefts, new Int32Array(size));
    this.#rights = grown(this.#rights, new Int32Array(size));
    this.#keyOf = grown(this.#keyOf, new Uint32Array(size));
    this.#flags = grown(this.#flags, new Uint8Array(size));
    this.#numbers = grown(this.#numbers, new Uint32Array(size));
  }
}
