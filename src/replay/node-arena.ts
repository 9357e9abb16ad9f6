import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { KEY_BITS, keyBit, sharedPrefixBits } from '../merkle/key-bits.js';

/** No node. */
export const NONE = -1;

/**
 * The nodes of a pruned tree as columns of numbers, which take a tenth of what objects would. A node is a
 * number. The first ones are the touched leaves in key order, present or not; then come branches and
 * collapsed subtrees as they are made. A branch is soiled while its hash is not that of its children.
 */
export class NodeArena {
  /** Keys of touched leaves, then those of subtrees. */
  #keys: Uint8Array;
  #keyCount: number;
  readonly #touched: number;
  #hashes: Uint8Array;
  #depths: Int16Array;
  #lefts: Int32Array;
  #rights: Int32Array;
  /** Which key tells a node's place: any below it, also one that is gone since. */
  #keyOf: Uint32Array;
  /** 1 for soiled branches and for touched leaves that are present. */
  #flags: Uint8Array;
  /** Of the hash that is pending, 0 if none is. */
  #numbers: Uint32Array;
  #count: number;
  #freed: number[] = [];

  constructor(touchedKeys: Uint8Array, touched: number) {
    const capacity = Math.max(1024, 4 * touched);
    this.#keys = touchedKeys;
    this.#keyCount = touched;
    this.#touched = touched;
    this.#count = touched;
    this.#hashes = new Uint8Array(capacity * HASH_SIZE);
    this.#depths = new Int16Array(capacity).fill(KEY_BITS);
    this.#lefts = new Int32Array(capacity).fill(NONE);
    this.#rights = new Int32Array(capacity).fill(NONE);
    this.#keyOf = new Uint32Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#numbers = new Uint32Array(capacity);
    for (let leaf = 0; leaf < touched; leaf++) this.#keyOf[leaf] = leaf;
  }

  get count(): number {
    return this.#count - this.#freed.length;
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

  /** A new subtree of which only the hash is known. */
  subtree(key: HashValue, depth: number, hash: HashValue): number {
    const node = this.#next();
    const index = this.#keyCount++;
    if (this.#keys.length < this.#keyCount * HASH_SIZE) {
      const grown = new Uint8Array(Math.max(1024 * HASH_SIZE, this.#keys.length * 2));
      grown.set(this.#keys);
      this.#keys = grown;
    }
    this.#keys.set(key, index * HASH_SIZE);
    this.#depths[node] = depth;
    this.#lefts[node] = NONE;
    this.#keyOf[node] = index;
    this.#flags[node] = 0;
    this.setHash(node, hash);
    return node;
  }

  /** Only branches are freed, and used again as branches. */
  free(branch: number): void {
    this.#flags[branch] = 0;
    this.#freed.push(branch);
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

  /** A view, valid until the next node is made. */
  hash(node: number): HashValue {
    return this.#hashes.subarray(node * HASH_SIZE, (node + 1) * HASH_SIZE);
  }

  setHash(node: number, hash: HashValue): void {
    this.#hashes.set(hash, node * HASH_SIZE);
  }

  isPresent(leaf: number): boolean {
    return this.#flags[leaf] === 1;
  }

  setPresent(leaf: number, present: boolean): void {
    this.#flags[leaf] = present ? 1 : 0;
  }

  soil(branch: number): void {
    this.#flags[branch] = 1;
  }

  /** A soiled branch whose hash is not pending yet. */
  isSoiled(node: number): boolean {
    return node >= this.#touched && this.#flags[node] === 1 && this.#numbers[node] === 0;
  }

  number(node: number): number {
    return this.#numbers[node] ?? 0;
  }

  setNumber(branch: number, number: number): void {
    this.#numbers[branch] = number;
  }

  /** The pending hash has been set. */
  settle(branch: number): void {
    this.#numbers[branch] = 0;
    this.#flags[branch] = 0;
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
