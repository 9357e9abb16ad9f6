import type { NodeArena } from '../../merkle/node-arena.js';
import { type NodeKey, nibblesOf } from '../schema/node-key.js';
import type { TreeChild } from '../schema/tree-node.js';

/** Node `node` of an arena is none that is stored: it is new, or stands for several. */
const NEW = 0;
/** A stored node of which nothing is known but what its parent says. */
const UNREAD_INTERNAL = 1;
const UNREAD_LEAF = 2;
/** A stored leaf whose key is known. */
const READ_LEAF = 3;

/**
 * What stored nodes an arena's keys stand for, as columns by the place of the key (`NodeArena.keyPlace`): 18
 * bytes each.
 */
export class StoredEntries {
  readonly #nodes: NodeArena;
  #kinds = new Uint8Array(1024);
  #versions = new Float64Array(1024);
  #leafCounts = new Float64Array(1024);
  /** Nibbles of the stored node's path, which are the first of the key. */
  #lengths = new Uint8Array(1024);

  constructor(nodes: NodeArena) {
    this.#nodes = nodes;
  }

  /** Notes the stored node that a node stands for, from its parent's entry. */
  set(node: number, pathLength: number, { isLeaf, version, leafCount }: TreeChild): void {
    const place = this.#nodes.keyPlace(node);
    if (place >= this.#kinds.length) this.#grow(place + 1);
    this.#kinds[place] = isLeaf ? UNREAD_LEAF : UNREAD_INTERNAL;
    this.#versions[place] = Number(version);
    this.#leafCounts[place] = leafCount;
    this.#lengths[place] = pathLength;
  }

  isUnread(node: number): boolean {
    const kind = this.#kind(node);
    return kind === UNREAD_INTERNAL || kind === UNREAD_LEAF;
  }

  isUnreadLeaf(node: number): boolean {
    return this.#kind(node) === UNREAD_LEAF;
  }

  setRead(leaf: number): void {
    this.#kinds[this.#nodes.keyPlace(leaf)] = READ_LEAF;
  }

  isReadLeaf(node: number): boolean {
    return this.#kind(node) === READ_LEAF;
  }

  /** Nibbles of the path of the stored node. */
  pathLength(node: number): number {
    return this.#lengths[this.#nodes.keyPlace(node)] ?? 0;
  }

  /** What the parent says of an unread node. */
  entry(node: number): Pick<TreeChild, 'version' | 'isLeaf' | 'leafCount'> {
    const place = this.#nodes.keyPlace(node);
    return {
      version: BigInt(this.#versions[place] ?? 0),
      isLeaf: this.#kinds[place] === UNREAD_LEAF,
      leafCount: this.#leafCounts[place] ?? 0,
    };
  }

  /** The key of the stored node behind a place, also after its node has become another. */
  nodeKeyAt(place: number): NodeKey {
    const path = nibblesOf(this.#nodes.keyAt(place), this.#lengths[place] ?? 0);
    return { version: BigInt(this.#versions[place] ?? 0), path };
  }

  #kind(node: number): number {
    if (this.#nodes.isBranch(node)) return NEW;
    return this.#kinds[this.#nodes.keyPlace(node)] ?? NEW;
  }

  #grow(count: number): void {
    const size = Math.max(2 * this.#kinds.length, count);
    const columns = [this.#kinds, this.#versions, this.#leafCounts, this.#lengths] as const;
    this.#kinds = new Uint8Array(size);
    this.#versions = new Float64Array(size);
    this.#leafCounts = new Float64Array(size);
    this.#lengths = new Uint8Array(size);
    this.#kinds.set(columns[0]);
    this.#versions.set(columns[1]);
    this.#leafCounts.set(columns[2]);
    this.#lengths.set(columns[3]);
  }
}
