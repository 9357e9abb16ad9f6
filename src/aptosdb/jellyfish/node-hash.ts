import type { HashValue } from '../../hashing/hash-value.js';
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

/** The hash of `width` slots from `start` on, as a binary tree over them; 0 and 16 is the whole node. */
export function slotsHash(
  hashers: SparseMerkleHashers,
  children: Children,
  start: number,
  width: number,
): HashValue {
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
