import assert from 'node:assert/strict';
import type { HashValue } from '../hashing/hash-value.js';
import { DeferredNodes } from '../merkle/deferred-nodes.js';
import { KEY_BITS } from '../merkle/key-bits.js';
import { SPARSE_MERKLE_PLACEHOLDER } from '../merkle/placeholders.js';
import type { SparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { NodeArena, NONE } from './node-arena.js';

/** Nodes that are hashed at once, at most: bounds the memory of hashing a whole tree. */
const PENDING_MAX = 64 * 1024;

/**
 * A sparse Merkle tree of which only some keys can change: the touched ones, which are known from the start.
 * Every largest subtree without any of them is one node that holds nothing but its hash (spec: formats.md,
 * section 7). A touched key is named by its place among all of them in key order; it need not be in the tree.
 *
 * First the nodes are appended in key order; then keys change. Takes some 50 bytes a node; of a tree of n
 * keys with t evenly spread touched ones, that is about 2 t (1 + log2(n / t)) nodes.
 */
export class PrunedTree {
  readonly #hashers: SparseMerkleHashers;
  readonly #nodes: NodeArena;
  readonly #touched: number;
  readonly #deferred: DeferredNodes;
  #root = NONE;
  /** Branches on the right edge while the tree is being built, from the root down. */
  readonly #edge: number[] = [];
  #last = NONE;
  /** Branches whose hashes are wanted from `#deferred`. */
  #pending: number[] = [];

  /** @param touchedKeys in order, 32 bytes each; kept, not copied */
  constructor(hashers: SparseMerkleHashers, touchedKeys: Uint8Array, count: number) {
    this.#hashers = hashers;
    this.#touched = count;
    this.#nodes = new NodeArena(touchedKeys, count);
    this.#deferred = new DeferredNodes(hashers.internal, SPARSE_MERKLE_PLACEHOLDER);
  }

  /** Nodes that take memory. */
  get nodeCount(): number {
    return this.#nodes.count;
  }

  /** A touched key that is in the tree, behind everything that was appended before. */
  appendTouched(place: number, leafHash: HashValue): void {
    this.#nodes.setHash(place, leafHash);
    this.#append(place);
  }

  /**
   * A subtree without touched keys, behind everything that was appended before.
   * @param key any key below
   * @param branch the depth at which its keys part, 256 for a single one; `hash` is that of the node there
   */
  appendSubtree(key: HashValue, branch: number, hash: HashValue): void {
    this.#append(this.#nodes.subtree(key, branch, hash));
  }

  /** Whether a touched key is in the tree. */
  has(place: number): boolean {
    return this.#nodes.isPresent(place);
  }

  /** The leaf hash of a touched key that is in the tree, a view. */
  leafHash(place: number): HashValue {
    return this.#nodes.hash(place);
  }

  /** Gives a touched key a value; `leafHash` is over key hash and value hash. */
  put(place: number, leafHash: HashValue): void {
    const nodes = this.#nodes;
    nodes.setHash(place, leafHash);
    if (nodes.isPresent(place)) {
      for (let node = this.#root; node !== place; node = this.#childTowards(node, place)) nodes.soil(node);
      return;
    }
    nodes.setPresent(place, true);
    if (this.#root === NONE) {
      this.#root = place;
      return;
    }
    const shared = this.#sharedWithNearest(place);
    let parent = NONE;
    let node = this.#root;
    while (nodes.isBranch(node) && nodes.depth(node) < shared) {
      nodes.soil(node);
      parent = node;
      node = this.#childTowards(node, place);
    }
    assert(shared < nodes.depth(node), 'a collapsed subtree holds no touched key');
    const isRight = nodes.bit(place, shared);
    const branch = isRight ? nodes.branch(shared, node, place) : nodes.branch(shared, place, node);
    this.#replaceChild(parent, node, branch);
  }

  /** Takes a touched key out; changes nothing if it is not there. */
  remove(place: number): void {
    const nodes = this.#nodes;
    if (!nodes.isPresent(place)) return;
    nodes.setPresent(place, false);
    let grandparent = NONE;
    let parent = NONE;
    for (let node = this.#root; node !== place; node = this.#childTowards(node, place)) {
      nodes.soil(node);
      grandparent = parent;
      parent = node;
    }
    if (parent === NONE) {
      this.#root = NONE;
      return;
    }
    const sibling = nodes.left(parent) === place ? nodes.right(parent) : nodes.left(parent);
    this.#replaceChild(grandparent, parent, sibling);
    nodes.free(parent);
  }

  /** Hashes what changed; a new array. */
  root(): HashValue {
    if (this.#root === NONE) return SPARSE_MERKLE_PLACEHOLDER;
    this.#deferred.clear();
    this.#settle(this.#root);
    this.#flush();
    const nodes = this.#nodes;
    let current: HashValue = nodes.hash(this.#root).slice();
    const depth = nodes.depth(this.#root);
    if (depth === KEY_BITS) return current;
    for (let level = depth - 1; level >= 0; level--) {
      current = nodes.bit(this.#root, level)
        ? this.#hashers.internal.pair(SPARSE_MERKLE_PLACEHOLDER, current)
        : this.#hashers.internal.pair(current, SPARSE_MERKLE_PLACEHOLDER);
    }
    return current;
  }

  /** On the right edge, everything that parts deeper than the new node from the last one is complete. */
  #append(node: number): void {
    const nodes = this.#nodes;
    if (node < this.#touched) nodes.setPresent(node, true);
    if (this.#last === NONE) this.#root = node;
    else {
      const gap = nodes.sharedBits(this.#last, node);
      assert(gap < nodes.depth(this.#last) && gap < nodes.depth(node), 'subtrees do not overlap');
      while (nodes.depth(this.#edge.at(-1) ?? NONE) > gap) this.#edge.pop();
      const parent = this.#edge.at(-1) ?? NONE;
      const before = parent === NONE ? this.#root : nodes.right(parent);
      const branch = nodes.branch(gap, before, node);
      this.#replaceChild(parent, before, branch);
      this.#edge.push(branch);
    }
    this.#last = node;
  }

  /** How many bits a key that is not in the tree shares with whatever it shares the most with. */
  #sharedWithNearest(place: number): number {
    let node = this.#root;
    while (this.#nodes.isBranch(node)) node = this.#childTowards(node, place);
    return this.#nodes.sharedBits(place, node);
  }

  #childTowards(branch: number, place: number): number {
    const nodes = this.#nodes;
    return nodes.bit(place, nodes.depth(branch)) ? nodes.right(branch) : nodes.left(branch);
  }

  #replaceChild(parent: number, before: number, after: number): void {
    if (parent === NONE) this.#root = after;
    else this.#nodes.replaceChild(parent, before, after);
  }

  /** Sees to it that a node's hash is known or pending. */
  #settle(node: number): void {
    const nodes = this.#nodes;
    if (!nodes.isSoiled(node)) return;
    const [left, right] = [nodes.left(node), nodes.right(node)];
    this.#settle(left);
    this.#settle(right);
    const below = nodes.depth(node) + 1;
    nodes.setNumber(node, this.#deferred.node(this.#lifted(left, below), this.#lifted(right, below)));
    this.#pending.push(node);
    if (this.#pending.length >= PENDING_MAX) this.#flush();
  }

  /** The number of a node's hash at a depth not below its own. */
  #lifted(node: number, depth: number): number {
    const nodes = this.#nodes;
    const deferred = this.#deferred;
    let number = nodes.number(node) || deferred.inputs(nodes.hash(node), 1);
    const own = nodes.depth(node);
    if (own === KEY_BITS) return number;
    for (let level = own - 1; level >= depth; level--) {
      number = nodes.bit(node, level)
        ? deferred.node(deferred.placeholder, number)
        : deferred.node(number, deferred.placeholder);
    }
    return number;
  }

  #flush(): void {
    this.#deferred.run();
    for (const node of this.#pending) {
      this.#nodes.setHash(node, this.#deferred.hashOf(this.#nodes.number(node)));
      this.#nodes.settle(node);
    }
    this.#pending = [];
    this.#deferred.clear();
  }
}
