import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import { SPARSE_MERKLE_PLACEHOLDER } from '../../merkle/placeholders.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { type LeafNode, TREE_FANOUT, type TreeChild, type TreeNode } from '../schema/tree-node.js';

/** Children of an internal node by rising nibble. */
export type Children = readonly TreeChild[];

export function leafHash(hashers: SparseMerkleHashers, leaf: LeafNode): HashValue {
  return hashers.leaf.pair(leaf.keyHash, leaf.valueHash);
}

/** The children in a run of slots: `children[from..to]`. */
function childrenWithin(children: Children, start: number, width: number): readonly [number, number] {
  let from = 0;
  while ((children[from]?.nibble ?? TREE_FANOUT) < start) from++;
  let to = from;
  while ((children[to]?.nibble ?? TREE_FANOUT) < start + width) to++;
  return [from, to];
}

/**
 * What a run of slots amounts to: nothing, a single child that stands for the whole run, or a subtree.
 * A lone internal child stands for itself only at its own slot (spec: aptosdb-schema.md, 8.2).
 */
export function runOf(children: Children, start: number, width: number): TreeChild | 'empty' | 'subtree' {
  const [from, to] = childrenWithin(children, start, width);
  const first = children[from];
  if (from === to || first === undefined) return 'empty';
  return to - from === 1 && (width === 1 || first.isLeaf) ? first : 'subtree';
}

/** A full node, packed: its slots make a whole binary tree, which is hashed a level at a time. */
const packed = new Uint8Array(TREE_FANOUT * HASH_SIZE);

function fullNodeHash(hashers: SparseMerkleHashers, children: Children): HashValue {
  for (let slot = 0; slot < TREE_FANOUT; slot++) {
    const child = children[slot];
    if (child) packed.set(child.hash, slot * HASH_SIZE);
  }
  for (let pairs = TREE_FANOUT >> 1; pairs > 0; pairs >>= 1) hashers.internal.level(packed, 0, pairs);
  return packed.slice(0, HASH_SIZE);
}

/** The hash of `width` slots from `start` on, as a binary tree over them; 0 and 16 is the whole node. */
export function slotsHash(
  hashers: SparseMerkleHashers,
  children: Children,
  start: number,
  width: number,
): HashValue {
  if (width === TREE_FANOUT && children.length === TREE_FANOUT) return fullNodeHash(hashers, children);
  const run = runOf(children, start, width);
  if (run === 'empty') return SPARSE_MERKLE_PLACEHOLDER;
  if (run !== 'subtree') return run.hash;
  const half = width >> 1;
  return hashers.internal.pair(
    slotsHash(hashers, children, start, half),
    slotsHash(hashers, children, start + half, half),
  );
}

export function nodeHash(hashers: SparseMerkleHashers, node: TreeNode): HashValue {
  switch (node.kind) {
    case 'null':
      return SPARSE_MERKLE_PLACEHOLDER;
    case 'leaf':
      return leafHash(hashers, node);
    case 'internal':
      return slotsHash(hashers, node.children, 0, TREE_FANOUT);
  }
}
