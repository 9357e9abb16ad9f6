import assert from 'node:assert/strict';
import { equalBytes, type HashValue } from '../../hashing/hash-value.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { childPath, type NibblePath, type NodeKey, nibbleAt, ROOT_PATH } from '../schema/node-key.js';
import {
  type InternalNode,
  type LeafNode,
  leafCountOf,
  TREE_FANOUT,
  type TreeChild,
  type TreeNode,
} from '../schema/tree-node.js';
import { forEachNibble, type LoadedNodes } from './load-touched-nodes.js';
import { leafHash, slotsHash } from './node-hash.js';
import { nodeKeyText } from './node-store.js';
import type { LeafUpdate } from './tree-update.js';

/** A node that has no place yet: whoever asked for it stores it where it belongs. */
interface BuiltNode {
  readonly node: LeafNode | InternalNode;
  readonly hash: HashValue;
  readonly leafCount: number;
}

/** What stands at one nibble while an internal node is put together: what stood there, or what is new. */
type Slot = TreeChild | BuiltNode;

/**
 * One shard's part of an update; the names of the steps are those of the specification
 * (aptosdb-schema.md, 8.4). Used once.
 */
export class ShardUpdate {
  readonly nodes: (readonly [NodeKey, TreeNode])[] = [];
  readonly stale: NodeKey[] = [];
  readonly #hashers: SparseMerkleHashers;
  readonly #version: bigint;
  readonly #loaded: LoadedNodes;
  readonly #updates: readonly LeafUpdate[];

  constructor(
    hashers: SparseMerkleHashers,
    version: bigint,
    loaded: LoadedNodes,
    updates: readonly LeafUpdate[],
  ) {
    this.#hashers = hashers;
    this.#version = version;
    this.#loaded = loaded;
    this.#updates = updates;
  }

  /** The shard's new child entry in the root; undefined when it is empty. */
  run(shard: number, top: TreeChild | undefined): TreeChild | undefined {
    const path = childPath(ROOT_PATH, shard);
    const count = this.#updates.length;
    const built = top ? this.#insert(path, top, 0, count) : this.#fresh(path, 0, count);
    return built && this.#store(path, shard, built);
  }

  /** A subtree where there was none. */
  #fresh(path: NibblePath, start: number, end: number): BuiltNode | undefined {
    if (start === end) return undefined;
    if (end - start === 1) return this.#freshLeaf(start);
    const slots: (Slot | undefined)[] = [];
    forEachNibble(this.#updates, start, end, path.length, (nibble, from, to) => {
      slots[nibble] = this.#fresh(childPath(path, nibble), from, to);
    });
    return this.#finish(path, slots);
  }

  #freshLeaf(index: number): BuiltNode | undefined {
    const update = this.#updates[index];
    assert(update);
    if (update.value === undefined) return undefined;
    const { keyHash, value } = update;
    const node: LeafNode = { kind: 'leaf', keyHash, ...value, valueVersion: this.#version };
    return { node, hash: leafHash(this.#hashers, node), leafCount: 1 };
  }

  /** A subtree in the place of a stored one. */
  #insert(path: NibblePath, child: TreeChild, start: number, end: number): BuiltNode | undefined {
    const node = this.#replace(path, child);
    if (start === end) return { node, hash: child.hash, leafCount: leafCountOf(node) };
    return node.kind === 'leaf'
      ? this.#insertAtLeaf(path, node, child.hash, start, end)
      : this.#insertAtInternal(path, node, start, end);
  }

  /** Marks the stored node as replaced and gives it. */
  #replace(path: NibblePath, child: TreeChild): LeafNode | InternalNode {
    const key = { version: child.version, path };
    const node = this.#loaded.get(nodeKeyText(key));
    assert(node && node.kind !== 'null', 'every node that is met was loaded');
    this.stale.push(key);
    return node;
  }

  #insertAtInternal(path: NibblePath, node: InternalNode, start: number, end: number): BuiltNode | undefined {
    const slots: (Slot | undefined)[] = [];
    for (const child of node.children) slots[child.nibble] = child;
    forEachNibble(this.#updates, start, end, path.length, (nibble, from, to) => {
      const child = node.children.find((candidate) => candidate.nibble === nibble);
      const below = childPath(path, nibble);
      slots[nibble] = child ? this.#insert(below, child, from, to) : this.#fresh(below, from, to);
    });
    return this.#finish(path, slots);
  }

  /** The leaf is not stored again below: it only takes part. */
  #insertAtLeaf(
    path: NibblePath,
    leaf: LeafNode,
    hash: HashValue,
    start: number,
    end: number,
  ): BuiltNode | undefined {
    const depth = path.length;
    const only = end - start === 1 ? this.#updates[start] : undefined;
    if (only && equalBytes(only.keyHash, leaf.keyHash)) return this.#freshLeaf(start);
    const leafNibble = nibbleAt(leaf.keyHash, depth);
    const slots: (Slot | undefined)[] = [];
    slots[leafNibble] = { node: leaf, hash, leafCount: 1 };
    forEachNibble(this.#updates, start, end, depth, (nibble, from, to) => {
      const below = childPath(path, nibble);
      slots[nibble] =
        nibble === leafNibble
          ? this.#insertAtLeaf(below, leaf, hash, from, to)
          : this.#fresh(below, from, to);
    });
    return this.#finish(path, slots);
  }

  /** Nothing, a lone leaf that moves up, or an internal node whose new children are stored now. */
  #finish(path: NibblePath, slots: readonly (Slot | undefined)[]): BuiltNode | undefined {
    const first = slots.findIndex(isTaken);
    const slot = slots[first];
    if (slot === undefined) return undefined;
    if (slots.findLastIndex(isTaken) === first) {
      const lone = this.#loneLeaf(childPath(path, first), slot);
      if (lone) return lone;
    }
    const children: TreeChild[] = [];
    for (let nibble = first; nibble < slots.length; nibble++) {
      const taken = slots[nibble];
      if (taken === undefined) continue;
      children.push(isBuilt(taken) ? this.#store(childPath(path, nibble), nibble, taken) : taken);
    }
    const node: InternalNode = { kind: 'internal', children };
    const hash = slotsHash(this.#hashers, children, 0, TREE_FANOUT);
    return { node, hash, leafCount: leafCountOf(node) };
  }

  #loneLeaf(path: NibblePath, slot: Slot): BuiltNode | undefined {
    if (isBuilt(slot)) return slot.node.kind === 'leaf' ? slot : undefined;
    if (!slot.isLeaf) return undefined;
    return { node: this.#replace(path, slot), hash: slot.hash, leafCount: 1 };
  }

  #store(path: NibblePath, nibble: number, { node, hash, leafCount }: BuiltNode): TreeChild {
    this.nodes.push([{ version: this.#version, path }, node]);
    return { nibble, version: this.#version, hash, isLeaf: node.kind === 'leaf', leafCount };
  }
}

function isTaken(slot: Slot | undefined): boolean {
  return slot !== undefined;
}

function isBuilt(slot: Slot): slot is BuiltNode {
  return 'node' in slot;
}
