import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import { DeferredNodes } from '../../merkle/deferred-nodes.js';
import { SPARSE_MERKLE_PLACEHOLDER } from '../../merkle/placeholders.js';
import { gapBetween } from '../../merkle/sorted-leaves.js';
import { packedLeafHashes, type SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import type { LeafNode, TreeNode } from '../schema/tree-node.js';
import type { PackedRows } from './snapshot-rows.js';
import { type EdgeChild, OpenLevels } from './tree-builder-levels.js';
import { type TreeLeaves, TreeNodeRows } from './tree-builder-rows.js';

/** What later leaves build upon. */
export interface TreeEdge {
  /** The last leaf: where it goes depends on the next one. Undefined before the first. */
  readonly last: EdgeLeaf | undefined;
  /** By depth, for each internal node on the last leaf's path: its finished children, left of the path. */
  readonly levels: readonly (readonly EdgeChild[])[];
}

export type EdgeLeaf = Pick<LeafNode, 'keyHash' | 'valueHash' | 'stateKey'>;

/** The root of a whole tree, to be stored last of all. */
export interface BuiltRoot {
  readonly hash: HashValue;
  readonly node: TreeNode;
}

/**
 * Builds the Jellyfish Merkle tree of sorted leaves from left to right (spec: aptosdb-schema.md, 8.3): a node
 * is written as soon as no later leaf can change it, and only the nodes on the path of the last leaf are
 * kept, with the hashes of their children so far. Where the last leaf goes is known when the next one comes.
 * All nodes get the same version. Hashes are computed in batches, once a call.
 */
export class TreeBuilder {
  readonly #hashers: SparseMerkleHashers;
  readonly #version: bigint;
  readonly #nodes: DeferredNodes;
  readonly #rows: TreeNodeRows;
  readonly #levels = new OpenLevels();
  /** The deepest node on the last leaf's path that is known to be internal; -1 with less than two leaves. */
  #openDepth = -1;
  #last: EdgeLeaf | undefined;
  #lastNumber = 0;

  constructor(hashers: SparseMerkleHashers, version: bigint) {
    this.#hashers = hashers;
    this.#version = version;
    this.#nodes = new DeferredNodes(hashers.internal, SPARSE_MERKLE_PLACEHOLDER);
    this.#rows = new TreeNodeRows(version);
  }

  /** Goes on where another builder stood; the edge must be one that a builder gave. */
  static fromEdge(hashers: SparseMerkleHashers, version: bigint, edge: TreeEdge): TreeBuilder {
    const builder = new TreeBuilder(hashers, version);
    builder.#restore(edge);
    return builder;
  }

  /** Copies, but for the last leaf, which nobody changes. */
  edge(): TreeEdge {
    const depths = Array.from({ length: this.#openDepth + 1 }, (_, depth) => depth);
    const levels = depths.map((depth) => this.#levels.children(depth, this.#nodes));
    return { last: this.#last, levels };
  }

  /**
   * Takes the leaves that follow and adds the rows of nodes that are final now to `out`, which is empty. The
   * leaves are only read during the call; some thousands at a time are best.
   * @throws MerkleError MERKLE_KEYS_NOT_INCREASING, before anything has changed
   */
  add(leaves: TreeLeaves, out: PackedRows): void {
    const { keyHashes, valueHashes, count, stateKeys } = leaves;
    if (count === 0) return;
    const shared = this.#sharedNibbles(leaves);
    // Of the hashes before, only those on the edge are needed.
    if (this.#last) this.#restore(this.edge());
    const packed = packedLeafHashes(this.#hashers.leaf, keyHashes, valueHashes, 0, count);
    const first = this.#nodes.inputs(packed, count);
    if (this.#last) this.#place(alone(this.#last), 0, this.#lastNumber, shared[0] ?? 0, out);
    for (let index = 1; index < count; index++) {
      this.#place(leaves, index - 1, first + index - 1, shared[index] ?? 0, out);
    }
    this.#nodes.run();
    this.#rows.fillHashes(out, this.#nodes);
    const start = (count - 1) * HASH_SIZE;
    this.#lastNumber = first + count - 1;
    this.#last = {
      keyHash: keyHashes.slice(start, start + HASH_SIZE),
      valueHash: valueHashes.slice(start, start + HASH_SIZE),
      stateKey: stateKeys.base.slice(stateKeys.starts[count - 1], stateKeys.ends[count - 1]),
    };
  }

  /** Adds the rows of all nodes that are left but the root, and gives that. The builder is used up. */
  finish(out: PackedRows): BuiltRoot {
    const last = this.#last;
    if (last === undefined) return { hash: SPARSE_MERKLE_PLACEHOLDER, node: { kind: 'null' } };
    if (this.#openDepth < 0) {
      // As the reference restores a single item; a commit would have put an internal node above it.
      const node: TreeNode = { kind: 'leaf', ...last, valueVersion: this.#version };
      return { hash: this.#nodes.hashOf(this.#lastNumber), node };
    }
    this.#place(alone(last), 0, this.#lastNumber, 0, out);
    const number = this.#levels.hashNumber(0, this.#nodes);
    this.#nodes.run();
    this.#rows.fillHashes(out, this.#nodes);
    const version = this.#version;
    const children = this.#levels.children(0, this.#nodes).map((child) => ({ ...child, version }));
    return { hash: this.#nodes.hashOf(number), node: { kind: 'internal', children } };
  }

  /** How many nibbles each key shares with the one before it. */
  #sharedNibbles({ keyHashes, count }: TreeLeaves): Int8Array {
    const shared = new Int8Array(count);
    if (this.#last) shared[0] = gapBetween(this.#last.keyHash, 0, keyHashes, 0, 0) >> 2;
    for (let index = 1; index < count; index++) {
      const start = index * HASH_SIZE;
      shared[index] = gapBetween(keyHashes, start - HASH_SIZE, keyHashes, start, index) >> 2;
    }
    return shared;
  }

  /**
   * Puts a leaf to its place below all nodes that it shares with a neighbour, and writes the nodes that the
   * next leaf, with which it shares this many nibbles, does not lie under.
   */
  #place(leaves: TreeLeaves, index: number, number: number, sharedWithNext: number, out: PackedRows): void {
    const { keyHashes } = leaves;
    const start = index * HASH_SIZE;
    const parent = Math.max(this.#openDepth, sharedWithNext);
    this.#rows.leaf(out, leaves, index, parent + 1);
    this.#levels.attachLeaf(parent, nibbleOf(keyHashes, start, parent), number);
    for (let depth = parent; depth > sharedWithNext; depth--) {
      this.#rows.internal(out, keyHashes, start, depth, this.#levels);
      const nodeNumber = this.#levels.hashNumber(depth, this.#nodes);
      const leafCount = this.#levels.leafCount(depth);
      this.#levels.clear(depth);
      this.#levels.attach(depth - 1, nibbleOf(keyHashes, start, depth - 1), nodeNumber, leafCount);
    }
    this.#openDepth = sharedWithNext;
  }

  #restore({ levels, last }: TreeEdge): void {
    this.#nodes.clear();
    if (last === undefined) return;
    this.#last = last;
    this.#lastNumber = this.#nodes.inputs(this.#hashers.leaf.pair(last.keyHash, last.valueHash), 1);
    this.#openDepth = levels.length - 1;
    levels.forEach((children, depth) => {
      this.#levels.clear(depth);
      for (const { nibble, hash, isLeaf, leafCount } of children) {
        const number = this.#nodes.inputs(hash, 1);
        if (isLeaf) this.#levels.attachLeaf(depth, nibble, number);
        else this.#levels.attach(depth, nibble, number, leafCount);
      }
    });
  }
}

function alone({ keyHash, valueHash, stateKey }: EdgeLeaf): TreeLeaves {
  const stateKeys = { base: stateKey, starts: [0], ends: [stateKey.length] };
  return { keyHashes: keyHash, valueHashes: valueHash, count: 1, stateKeys };
}

/** Nibble `index` of the hash that begins at `keys[start]`. */
function nibbleOf(keys: Uint8Array, start: number, index: number): number {
  const byte = keys[start + (index >> 1)] ?? 0;
  return index & 1 ? byte & 0x0f : byte >> 4;
}
