import assert from 'node:assert/strict';
import type { HashValue } from '../hashing/hash-value.js';
import { DeferredNodes } from './deferred-nodes.js';
import { KEY_BITS } from './key-bits.js';
import { type NodeArena, NONE } from './node-arena.js';
import { SPARSE_MERKLE_PLACEHOLDER } from './placeholders.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';

/** Nodes that are noted to be hashed at once, at most: bounds the memory of hashing. */
const NOTED_MAX = 64 * 1024;

/** A node's hash that is wanted as of a depth not below the node's own. */
export interface WantedHash {
  readonly node: number;
  readonly depth: number;
  /** Filled in, 32 bytes. */
  readonly hash: Uint8Array;
}

/**
 * A sparse Merkle tree over the nodes of an arena (spec: formats.md, section 7), of which leaves come, change
 * and go. Roots are noted where they are wanted and hashed later, many together: what changes between two of
 * them is hashed for each.
 */
export class ChangingTree {
  /** The topmost node, or `NONE`; whoever builds the tree sets it. */
  root = NONE;
  readonly #nodes: NodeArena;
  readonly #deferred: DeferredNodes;
  /** Nodes with a number from `#deferred`. */
  #numbered: number[] = [];
  /** Roots that are noted: their numbers, and those whose hashes are known before. */
  #noted: number[] = [];
  #roots: HashValue[] = [];

  constructor(hashers: SparseMerkleHashers, nodes: NodeArena) {
    this.#nodes = nodes;
    this.#deferred = new DeferredNodes(hashers.internal, SPARSE_MERKLE_PLACEHOLDER);
  }

  /** Gives a leaf of the arena a value; `leafHash`, at `bytes[at]`, is over key hash and value hash. */
  put(leaf: number, bytes: Uint8Array, at = 0): void {
    const nodes = this.#nodes;
    nodes.setHash(leaf, bytes, at);
    nodes.setNumber(leaf, 0);
    if (nodes.isPresent(leaf)) {
      for (let node = this.root; node !== leaf; node = this.childTowards(node, leaf)) nodes.soil(node);
      return;
    }
    nodes.setPresent(leaf, true);
    if (this.root === NONE) {
      this.root = leaf;
      return;
    }
    const shared = nodes.sharedBits(leaf, this.nearest(leaf));
    let parent = NONE;
    let node = this.root;
    while (nodes.isBranch(node) && nodes.depth(node) < shared) {
      nodes.soil(node);
      parent = node;
      node = this.childTowards(node, leaf);
    }
    assert(shared < nodes.depth(node), 'a collapsed subtree takes no leaf');
    const isRight = nodes.bit(leaf, shared);
    const branch = isRight ? nodes.branch(shared, node, leaf) : nodes.branch(shared, leaf, node);
    this.replaceChild(parent, node, branch);
  }

  /** Takes a leaf out; changes nothing if it is not there. */
  remove(leaf: number): void {
    const nodes = this.#nodes;
    if (!nodes.isPresent(leaf)) return;
    nodes.setPresent(leaf, false);
    let grandparent = NONE;
    let parent = NONE;
    for (let node = this.root; node !== leaf; node = this.childTowards(node, leaf)) {
      nodes.soil(node);
      grandparent = parent;
      parent = node;
    }
    if (parent === NONE) {
      this.root = NONE;
      return;
    }
    const sibling = nodes.left(parent) === leaf ? nodes.right(parent) : nodes.left(parent);
    this.replaceChild(grandparent, parent, sibling);
    nodes.free(parent);
  }

  /** The leaf or subtree that shares the most bits with a node's key; the tree must not be empty. */
  nearest(node: number): number {
    let at = this.root;
    while (this.#nodes.isBranch(at)) at = this.childTowards(at, node);
    return at;
  }

  childTowards(branch: number, node: number): number {
    const nodes = this.#nodes;
    return nodes.bit(node, nodes.depth(branch)) ? nodes.right(branch) : nodes.left(branch);
  }

  /** @param parent `NONE` where `before` is the root */
  replaceChild(parent: number, before: number, after: number): void {
    if (parent === NONE) this.root = after;
    else this.#nodes.replaceChild(parent, before, after);
  }

  /** The tree's root as it is now is one of those that are wanted. */
  noteRoot(): void {
    if (this.#deferred.size >= NOTED_MAX) this.#flush();
    this.#settle(this.root);
    const { root } = this;
    this.#noted.push(root === NONE ? this.#deferred.placeholder : this.#lifted(root, 0));
  }

  /** All roots that were noted since the last call, in order; new arrays. */
  takeRoots(): HashValue[] {
    this.#flush();
    const roots = this.#roots;
    this.#roots = [];
    return roots;
  }

  /** Computes hashes of nodes of the tree as it is now. */
  fill(wanted: readonly WantedHash[]): void {
    for (const { node } of wanted) this.#settle(node);
    this.#flush();
    const numbers = wanted.map(({ node, depth }) => this.#lifted(node, depth));
    this.#deferred.run();
    wanted.forEach(({ hash }, index) => {
      hash.set(this.#deferred.hashView(numbers[index] ?? 0));
    });
    this.#flush();
  }

  /** Sees to it that a node's hash is known or noted. */
  #settle(node: number): void {
    const nodes = this.#nodes;
    if (!nodes.isSoiled(node)) return;
    const [left, right] = [nodes.left(node), nodes.right(node)];
    this.#settle(left);
    this.#settle(right);
    const below = nodes.depth(node) + 1;
    this.#number(node, this.#deferred.node(this.#lifted(left, below), this.#lifted(right, below)));
    if (this.#deferred.size >= NOTED_MAX) this.#flush();
  }

  #number(node: number, number: number): number {
    this.#nodes.setNumber(node, number);
    this.#numbered.push(node);
    return number;
  }

  /** The number of a node's hash at a depth not below its own. */
  #lifted(node: number, depth: number): number {
    const nodes = this.#nodes;
    const deferred = this.#deferred;
    let number = nodes.number(node) || this.#number(node, deferred.inputs(nodes.hash(node), 1));
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
    const deferred = this.#deferred;
    deferred.run();
    for (const number of this.#noted) this.#roots.push(deferred.hashOf(number));
    const nodes = this.#nodes;
    for (const node of this.#numbered) {
      const number = nodes.number(node);
      if (number !== 0) nodes.settle(node, deferred.hashView(number));
    }
    this.#noted = [];
    this.#numbered = [];
    deferred.clear();
  }
}
