import { equalBytes, type HashValue } from '../../hashing/hash-value.js';
import { SPARSE_MERKLE_PLACEHOLDER } from '../../merkle/placeholders.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { nodeHash, slotsHash } from '../jellyfish/node-hash.js';
import type { NodeReader } from '../jellyfish/node-store.js';
import { childPath, type NodeKey, nibbleAt } from '../schema/node-key.js';
import { leafCountOf, TREE_FANOUT, type TreeChild } from '../schema/tree-node.js';
import type { TreeEdge } from './tree-builder.js';
import type { EdgeChild } from './tree-builder-levels.js';

/** The root of the tree that has the leaves so far and no others. */
export function edgeRoot(hashers: SparseMerkleHashers, { last, levels }: TreeEdge): HashValue {
  if (last === undefined) return SPARSE_MERKLE_PLACEHOLDER;
  let hash = hashers.leaf.pair(last.keyHash, last.valueHash);
  // Versions and numbers of leaves are in no hash.
  const asTreeChild = (child: EdgeChild): TreeChild => ({ ...child, version: 0n });
  for (let depth = levels.length - 1; depth >= 0; depth--) {
    const nibble = nibbleAt(last.keyHash, depth);
    const isLeaf = depth === levels.length - 1;
    const onPath = { nibble, hash, isLeaf, leafCount: 1, version: 0n };
    const children = [...(levels[depth] ?? []).map(asTreeChild), onPath];
    hash = slotsHash(hashers, children, 0, TREE_FANOUT);
  }
  return hash;
}

/** Whether every finished child of the edge is stored and is what the edge says of it. */
export async function isEdgeStored(
  hashers: SparseMerkleHashers,
  reader: NodeReader,
  version: bigint,
  { last, levels }: TreeEdge,
): Promise<boolean> {
  if (last === undefined) return true;
  const children = levels.flatMap((level, depth) => level.map((child) => ({ child, depth })));
  const keys = children.map(({ child, depth }): NodeKey => {
    const path = Uint8Array.from({ length: depth }, (_, index) => nibbleAt(last.keyHash, index));
    return { version, path: childPath(path, child.nibble) };
  });
  const nodes = await reader.getNodes(keys);
  return children.every(({ child }, index) => {
    const node = nodes[index];
    if (node === undefined || (node.kind === 'leaf') !== child.isLeaf) return false;
    return leafCountOf(node) === child.leafCount && equalBytes(nodeHash(hashers, node), child.hash);
  });
}
