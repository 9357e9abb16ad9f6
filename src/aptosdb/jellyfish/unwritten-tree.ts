import assert from 'node:assert/strict';
import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import { ChangingTree } from '../../merkle/changing-tree.js';
import { KEY_BITS } from '../../merkle/key-bits.js';
import { NodeArena, NONE } from '../../merkle/node-arena.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { type NodeKey, ROOT_PATH, shardOfKeyHash } from '../schema/node-key.js';
import { type LeafNode, TREE_FANOUT, type TreeChild, type TreeNode } from '../schema/tree-node.js';
import { JellyfishError } from './jellyfish-error.js';
import { leafHash } from './node-hash.js';
import { missingNode, type NodeReader, requireNodes, requireRootNode } from './node-store.js';
import { ShardPlan } from './shard-plan.js';
import { StoredEntries } from './stored-entries.js';
import { forEachChild, NIBBLE_BITS } from './stored-shape.js';

/** Nodes to write in one instance, and nodes there that are replaced, by these or by others. */
export interface NodeBatch {
  readonly nodes: readonly (readonly [NodeKey, TreeNode])[];
  readonly stale: readonly NodeKey[];
}

/**
 * About what memory the tree takes where so many of all items change: 2.5 KiB a changed item where 100,000 of
 * a million do, and 6 KiB where it is 100,000 of 50 million.
 */
export function unwrittenTreeBytes(changed: number, all: number): number {
  if (changed === 0) return 0;
  const nibbles = Math.max(0, Math.log2(all / changed) / NIBBLE_BITS);
  return changed * (300 + 2400 * nibbles);
}

/** Takes a part of what a shard writes; the next one is planned when it returns. */
export type TakeNodes = (part: NodeBatch) => Promise<void>;

/**
 * Nodes after which a part of a shard is given, and nodes that are read at once. Few enough for the decoded
 * ones to be gone before the collector comes across them twice: what it has, it keeps for long.
 */
const PART_NODES = 256;
const READ_NODES = 512;

/** A changed item as the tree of a new version has it: what its leaf holds but for the version. */
export type NewLeaf = Pick<LeafNode, 'keyHash' | 'valueHash' | 'stateKey'>;

/** The new leaf of a changed item, by the number under which the caller has it. */
export type NewLeafOf = (item: number) => NewLeaf;

/**
 * What becomes of a stored tree (spec: aptosdb-schema.md, section 8) until its next version is written: the
 * nodes that changed items meet are read and become a binary tree in memory, everything else is known by the
 * hashes in their entries. So what was read is what the next version writes anew. Every item has a number,
 * which is the caller's. `unwrittenTreeBytes` says what memory it takes.
 */
export class UnwrittenTree {
  readonly #hashers: SparseMerkleHashers;
  readonly #reader: NodeReader;
  readonly #base: bigint | undefined;
  readonly #nodes = new NodeArena();
  readonly #entries = new StoredEntries(this.#nodes);
  readonly #tree: ChangingTree;
  /** By item: its leaf. */
  #leaves = new Int32Array(1024).fill(NONE);
  /** By leaf: its item. */
  readonly #items = new Map<number, number>();
  /** Key places of nodes that were read, by shard. */
  readonly #read: number[][] = Array.from({ length: TREE_FANOUT }, () => []);
  #isBareLeaf = false;

  private constructor(hashers: SparseMerkleHashers, reader: NodeReader, base: bigint | undefined) {
    this.#hashers = hashers;
    this.#reader = reader;
    this.#base = base;
    this.#tree = new ChangingTree(hashers, this.#nodes);
  }

  /**
   * @param base the version of the stored tree; undefined where there is none
   * @throws JellyfishError JELLYFISH_ROOT_MISSING
   */
  static async open(
    hashers: SparseMerkleHashers,
    reader: NodeReader,
    base: bigint | undefined,
  ): Promise<UnwrittenTree> {
    const tree = new UnwrittenTree(hashers, reader, base);
    if (base !== undefined) tree.#setRoot(await requireRootNode(reader, base));
    return tree;
  }

  /**
   * Reads what changes of these items will need, a level of the tree at a time; must come before them.
   * @param keyOf the key hash of an item, only read before the next call
   * @throws JellyfishError JELLYFISH_NODE_MISSING, JELLYFISH_ROOT_IS_LEAF
   */
  async load(items: Iterable<number>, keyOf: (item: number) => HashValue): Promise<void> {
    this.#refuseBareLeaf();
    let open: number[] = [];
    for (const item of items) if (this.#addItem(item, keyOf)) open.push(item);
    while (open.length > 0) {
      const unread = new Set<number>();
      open = open.filter((item) => {
        const met = this.#unreadOnTheWay(this.#leafOf(item));
        if (met !== NONE) unread.add(met);
        return met !== NONE;
      });
      const nodes = [...unread];
      for (let from = 0; from < nodes.length; from += READ_NODES) {
        await this.#readNodes(nodes.slice(from, from + READ_NODES));
      }
    }
  }

  /** Gives an item a value; `leafHash`, at `bytes[at]`, is over key hash and value hash. */
  put(item: number, bytes: Uint8Array, at: number): void {
    this.#tree.put(this.#leafOf(item), bytes, at);
  }

  /** Takes an item out; changes nothing if it is not there. */
  remove(item: number): void {
    this.#tree.remove(this.#leafOf(item));
  }

  /** The root as it is now is wanted. */
  noteRoot(): void {
    this.#tree.noteRoot();
  }

  /** All roots that were noted since the last call, in order. */
  takeRoots(): HashValue[] {
    return this.#tree.takeRoots();
  }

  /** Leaves of the tree as it is now. */
  get leafCount(): number {
    const count = (node: number): number => {
      if (node === NONE) return 0;
      if (this.#nodes.isBranch(node)) return count(this.#nodes.left(node)) + count(this.#nodes.right(node));
      return this.#entries.isUnread(node) ? this.#entries.entry(node).leafCount : 1;
    };
    return count(this.#tree.root);
  }

  /**
   * What the tree as it is now adds to a shard of the stored one as a new version, copy on write. The shard
   * is the first nibble, and its top node is written anew, changed or not. Nothing is stored here, and no
   * change may come in between before the root is planned too. What it adds is given in parts, each with
   * nodes above those of earlier ones or beside them.
   * @returns the shard's entry in the root; undefined when it is empty
   * @throws JellyfishError JELLYFISH_NODE_MISSING, JELLYFISH_ROOT_IS_LEAF; what `take` throws
   */
  async planShard(
    version: bigint,
    shard: number,
    newLeafOf: NewLeafOf,
    take: TakeNodes,
  ): Promise<TreeChild | undefined> {
    this.#refuseBareLeaf();
    assert.equal(this.#tree.takeRoots().length, 0, 'roots were compared before');
    const top = this.#shardTop(shard);
    const entry = top === NONE ? undefined : await this.#planTop(version, top, shard, newLeafOf, take);
    for (const stale of this.#staleOf(shard)) await take({ nodes: [], stale });
    return entry;
  }

  async #planTop(
    version: bigint,
    top: number,
    shard: number,
    newLeafOf: NewLeafOf,
    take: TakeNodes,
  ): Promise<TreeChild> {
    if (this.#isWhereItWas(top, 1)) await this.#readNodes([top]);
    const kept = new Map<number, LeafNode>();
    const begin = (): ShardPlan =>
      new ShardPlan(version, this.#nodes, this.#entries, (leaf) => {
        const item = this.#items.get(leaf);
        if (item !== undefined) return { kind: 'leaf', ...newLeafOf(item), valueVersion: version };
        return kept.get(leaf) ?? assert.fail('a leaf that is kept was read');
      });
    const finish = async ({ nodes, wanted }: ShardPlan): Promise<void> => {
      this.#tree.fill(wanted);
      await take({ nodes, stale: [] });
    };
    let plan = begin();
    let entry: TreeChild;
    if (this.#nodes.isBranch(top)) {
      const below: (readonly [number, number])[] = [];
      forEachChild(this.#nodes, top, 1, (child, nibble) => below.push([child, nibble]));
      const children: TreeChild[] = [];
      for (const [child, nibble] of below) {
        await this.#readKeptLeaves(child, 2, kept);
        children.push(plan.add(child, nibble, 2));
        kept.clear();
        if (plan.nodes.length < PART_NODES) continue;
        await finish(plan);
        plan = begin();
      }
      entry = plan.addAbove(top, shard, 1, children);
    } else {
      await this.#readKeptLeaves(top, 1, kept);
      entry = plan.add(top, shard, 1);
    }
    await finish(plan);
    return entry;
  }

  /** The root of a new version, over what its shards have on top, in order. */
  planRoot(version: bigint, tops: readonly (TreeChild | undefined)[]): NodeBatch {
    const children = tops.filter((top) => top !== undefined);
    const root: TreeNode = children.length > 0 ? { kind: 'internal', children } : { kind: 'null' };
    return {
      nodes: [[{ version, path: ROOT_PATH }, root]],
      stale: this.#base === undefined ? [] : [{ version: this.#base, path: ROOT_PATH }],
    };
  }

  #refuseBareLeaf(): void {
    if (!this.#isBareLeaf) return;
    throw new JellyfishError(
      'JELLYFISH_ROOT_IS_LEAF',
      `the tree of version ${this.#base} is a bare leaf: nothing can be put on it`,
      { facts: { version: this.#base } },
    );
  }

  #setRoot(row: TreeNode): void {
    if (row.kind === 'internal') {
      this.#tree.root = this.#build(new Uint8Array(HASH_SIZE), 0, row.children, 0);
    } else if (row.kind === 'leaf') {
      this.#isBareLeaf = true;
      this.#tree.root = this.#nodes.subtree(row.keyHash, KEY_BITS, leafHash(this.#hashers, row));
    }
  }

  #leafOf(item: number): number {
    return this.#leaves[item] ?? NONE;
  }

  /** @returns whether the item is new */
  #addItem(item: number, keyOf: (item: number) => HashValue): boolean {
    if (item >= this.#leaves.length) {
      const grown = new Int32Array(Math.max(2 * this.#leaves.length, item + 1)).fill(NONE);
      grown.set(this.#leaves);
      this.#leaves = grown;
    }
    if (this.#leafOf(item) !== NONE) return false;
    const leaf = this.#nodes.leaf(keyOf(item), 0);
    this.#leaves[item] = leaf;
    this.#items.set(leaf, item);
    return true;
  }

  /** The unread node that holds a leaf's place, or `NONE`; a stored leaf of the same key gives way. */
  #unreadOnTheWay(leaf: number): number {
    if (this.#tree.root === NONE) return NONE;
    const nearest = this.#tree.nearest(leaf);
    const shared = this.#nodes.sharedBits(leaf, nearest);
    if (this.#entries.isUnread(nearest)) {
      return shared >= NIBBLE_BITS * this.#entries.pathLength(nearest) ? nearest : NONE;
    }
    if (shared === KEY_BITS) this.#replaceLeaf(nearest, leaf);
    return NONE;
  }

  #replaceLeaf(stored: number, leaf: number): void {
    const tree = this.#tree;
    let parent = NONE;
    for (let node = tree.root; node !== stored; node = tree.childTowards(node, leaf)) parent = node;
    tree.replaceChild(parent, stored, leaf);
    this.#nodes.setHash(leaf, this.#nodes.hash(stored));
    this.#nodes.setPresent(leaf, true);
  }

  async #readNodes(nodes: readonly number[]): Promise<TreeNode[]> {
    const places = nodes.map((node) => this.#nodes.keyPlace(node));
    const keys = places.map((place) => this.#entries.nodeKeyAt(place));
    const rows = await requireNodes(this.#reader, keys);
    rows.forEach((row, index) => {
      this.#expand(nodes[index] ?? NONE, row);
    });
    return rows;
  }

  /** Puts what an unread node holds in its place. */
  #expand(node: number, row: TreeNode): void {
    const [nodes, entries] = [this.#nodes, this.#entries];
    const place = nodes.keyPlace(node);
    const key = nodes.keyAt(place);
    this.#read[shardOfKeyHash(key)]?.push(place);
    if (row.kind === 'leaf') {
      nodes.setKeyAt(place, row.keyHash);
      entries.setRead(node);
    } else if (row.kind === 'internal') {
      const length = entries.pathLength(node);
      nodes.become(node, this.#build(key.slice(), length, row.children, 0));
    } else missingNode(entries.nodeKeyAt(place));
  }

  /**
   * Makes the binary nodes over children of a stored node that share their first bits.
   * @param key one whose first nibbles are the stored node's path; used up
   * @param length of that path
   * @param shared bits of their nibbles that the children share, none of which may be missing
   */
  #build(key: Uint8Array, length: number, children: readonly TreeChild[], shared: number): number {
    const [first] = children;
    assert(first, 'an internal node has children');
    if (children.length === 1) return this.#unread(key, length + 1, first);
    const half = TREE_FANOUT >> (shared + 1);
    const middle = (first.nibble & -(2 * half)) + half;
    const split = children.findIndex(({ nibble }) => nibble >= middle);
    if (split <= 0) return this.#build(key, length, children, shared + 1);
    const left = this.#build(key, length, children.slice(0, split), shared + 1);
    const right = this.#build(key, length, children.slice(split), shared + 1);
    return this.#nodes.branch(NIBBLE_BITS * length + shared, left, right);
  }

  #unread(key: Uint8Array, length: number, child: TreeChild): number {
    const index = (length - 1) >> 1;
    const byte = key[index] ?? 0;
    key[index] = length & 1 ? (byte & 0x0f) | (child.nibble << 4) : (byte & 0xf0) | child.nibble;
    const node = this.#nodes.subtree(key, child.isLeaf ? KEY_BITS : NIBBLE_BITS * length, child.hash);
    this.#entries.set(node, length, child);
    return node;
  }

  /** What stands below the root; `NONE` in an empty shard. */
  #shardTop(shard: number): number {
    let found = NONE;
    forEachChild(this.#nodes, this.#tree.root, 0, (top, nibble) => {
      if (nibble === shard) found = top;
    });
    return found;
  }

  /** Whether a node is unread, and stands at the path at which it is stored. */
  #isWhereItWas(node: number, pathLength: number): boolean {
    return this.#entries.isUnread(node) && this.#entries.pathLength(node) === pathLength;
  }

  /** Adds leaves below a node that are written anew as they were: they stood, or come to stand, elsewhere. */
  async #readKeptLeaves(top: number, topLength: number, kept: Map<number, LeafNode>): Promise<void> {
    const moved: number[] = [];
    const read: number[] = [];
    const visit = (node: number, pathLength: number): void => {
      if (this.#isWhereItWas(node, pathLength)) return;
      if (this.#entries.isUnreadLeaf(node)) moved.push(node);
      else if (this.#entries.isReadLeaf(node)) read.push(node);
      else if (this.#nodes.isBranch(node)) {
        forEachChild(this.#nodes, node, pathLength, (child) => visit(child, pathLength + 1));
      }
    };
    visit(top, topLength);
    if (moved.length + read.length === 0) return;
    const again = read.map((leaf) => this.#entries.nodeKeyAt(this.#nodes.keyPlace(leaf)));
    const rows = [...(await this.#readNodes(moved)), ...(await requireNodes(this.#reader, again))];
    [...moved, ...read].forEach((leaf, index) => {
      const row = rows[index];
      if (row?.kind === 'leaf') kept.set(leaf, row);
    });
  }

  /** Some keys at a time. */
  *#staleOf(shard: number): Generator<NodeKey[]> {
    const places = this.#read[shard] ?? [];
    for (let from = 0; from < places.length; from += PART_NODES) {
      yield places.slice(from, from + PART_NODES).map((place) => this.#entries.nodeKeyAt(place));
    }
  }
}
