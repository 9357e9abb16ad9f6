import type { HashValue } from '../../hashing/hash-value.js';
import { HASH_SIZE } from '../../hashing/hash-value.js';
import { KEY_BITS } from '../../merkle/key-bits.js';
import type { WantedHash } from '../../merkle/changing-tree.js';
import type { NodeArena } from '../../merkle/node-arena.js';
import { type NodeKey, nibblesOf } from '../schema/node-key.js';
import { type LeafNode, leafCountOf, type TreeChild, type TreeNode } from '../schema/tree-node.js';
import { forEachChild, NIBBLE_BITS } from './stored-shape.js';
import type { StoredEntries } from './stored-entries.js';

/** A leaf that is written: its new value, or the stored one that it keeps. */
export type LeafOf = (leaf: number, version: bigint) => LeafNode;

/**
 * Collects what one shard, or a part of it, writes for a tree version (spec: aptosdb-schema.md, 8.4).
 * Everything that was read is written anew, since only what an update meets is read; what is unread stays as
 * it is.
 */
export class ShardPlan {
  readonly nodes: (readonly [NodeKey, TreeNode])[] = [];
  /** Hashes of the entries that were made, to be filled in before they are used. */
  readonly wanted: WantedHash[] = [];
  readonly #version: bigint;
  readonly #arena: NodeArena;
  readonly #entries: StoredEntries;
  readonly #leafOf: LeafOf;

  constructor(version: bigint, arena: NodeArena, entries: StoredEntries, leafOf: LeafOf) {
    this.#version = version;
    this.#arena = arena;
    this.#entries = entries;
    this.#leafOf = leafOf;
  }

  /** The entry for what stands at a path of this length, in its parent; children are added before parents. */
  add(node: number, nibble: number, pathLength: number): TreeChild {
    const entries = this.#entries;
    if (entries.isUnread(node) && entries.pathLength(node) === pathLength) {
      const hash = this.#arena.hash(node).slice();
      return { nibble, hash, ...entries.entry(node) };
    }
    const isLeaf = this.#arena.depth(node) === KEY_BITS;
    const written = isLeaf ? this.#leafOf(node, this.#version) : this.#internal(node, pathLength);
    return this.#write(node, nibble, pathLength, written);
  }

  /** The same for an internal node whose children were added. */
  addAbove(node: number, nibble: number, pathLength: number, children: readonly TreeChild[]): TreeChild {
    return this.#write(node, nibble, pathLength, { kind: 'internal', children });
  }

  #write(node: number, nibble: number, pathLength: number, written: TreeNode): TreeChild {
    const version = this.#version;
    const path = nibblesOf(this.#arena.keyAt(this.#arena.keyPlace(node)), pathLength);
    this.nodes.push([{ version, path }, written]);
    const hash = this.#hashAt(node, NIBBLE_BITS * pathLength);
    return { nibble, version, hash, isLeaf: written.kind === 'leaf', leafCount: leafCountOf(written) };
  }

  #internal(node: number, pathLength: number): TreeNode {
    const children: TreeChild[] = [];
    forEachChild(this.#arena, node, pathLength, (child, nibble) => {
      children.push(this.add(child, nibble, pathLength + 1));
    });
    return { kind: 'internal', children };
  }

  /** The hash as of a depth; where it is not at hand it is filled in later. */
  #hashAt(node: number, depth: number): HashValue {
    const own = this.#arena.depth(node);
    const isKnown = own === KEY_BITS || (own === depth && !this.#arena.isSoiled(node));
    if (isKnown) return this.#arena.hash(node).slice();
    const hash = new Uint8Array(HASH_SIZE);
    this.wanted.push({ node, depth, hash });
    return hash;
  }
}
