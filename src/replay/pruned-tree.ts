import assert from 'node:assert/strict';
import type { HashValue } from '../hashing/hash-value.js';
import { ChangingTree } from '../merkle/changing-tree.js';
import { NodeArena, NONE } from '../merkle/node-arena.js';
import type { SparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';

/**
 * A sparse Merkle tree of which only some keys can change: the touched ones, which are known from the start.
 * Every largest subtree without any of them is one node that holds nothing but its hash (spec: formats.md,
 * section 7). A touched key is named by its place among all of them in key order; it need not be in the tree.
 *
 * First the nodes are appended in key order; then keys change. Takes some 50 bytes a node; of a tree of n
 * keys with t evenly spread touched ones, that is about 2 t (1 + log2(n / t)) nodes.
 */
export class PrunedTree {
  readonly #nodes: NodeArena;
  readonly #tree: ChangingTree;
  readonly #touched: number;
  /** Branches on the right edge while the tree is being built, from the root down. */
  readonly #edge: number[] = [];
  #last = NONE;

  /** @param touchedKeys in order, 32 bytes each; kept, not copied */
  constructor(hashers: SparseMerkleHashers, touchedKeys: Uint8Array, count: number) {
    this.#touched = count;
    this.#nodes = new NodeArena(touchedKeys, count);
    this.#tree = new ChangingTree(hashers, this.#nodes);
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

  /** Gives a touched key a value; `leafHash`, at `bytes[at]`, is over key hash and value hash. */
  put(place: number, bytes: Uint8Array, at = 0): void {
    this.#tree.put(place, bytes, at);
  }

  /** Takes a touched key out; changes nothing if it is not there. */
  remove(place: number): void {
    this.#tree.remove(place);
  }

  /** The root as it is now is one of those that are wanted. */
  noteRoot(): void {
    this.#tree.noteRoot();
  }

  /** All roots that were noted since the last call, in order; new arrays. */
  takeRoots(): HashValue[] {
    return this.#tree.takeRoots();
  }

  /** Hashes what changed; a new array. None may be noted that is not taken. */
  root(): HashValue {
    this.noteRoot();
    const [root] = this.takeRoots();
    assert(root);
    return root;
  }

  /** On the right edge, everything that parts deeper than the new node from the last one is complete. */
  #append(node: number): void {
    const nodes = this.#nodes;
    if (node < this.#touched) nodes.setPresent(node, true);
    if (this.#last === NONE) this.#tree.root = node;
    else {
      const gap = nodes.sharedBits(this.#last, node);
      assert(gap < nodes.depth(this.#last) && gap < nodes.depth(node), 'subtrees do not overlap');
      while (nodes.depth(this.#edge.at(-1) ?? NONE) > gap) this.#edge.pop();
      const parent = this.#edge.at(-1) ?? NONE;
      const before = parent === NONE ? this.#tree.root : nodes.right(parent);
      const branch = nodes.branch(gap, before, node);
      this.#tree.replaceChild(parent, before, branch);
      this.#edge.push(branch);
    }
    this.#last = node;
  }
}
