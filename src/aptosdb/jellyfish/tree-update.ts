import type { HashValue } from '../../hashing/hash-value.js';
import type { NodeKey } from '../schema/node-key.js';
import type { TreeNode } from '../schema/tree-node.js';

/** Nodes to write in one instance, and the nodes there that they replace. */
export interface NodeBatch {
  readonly nodes: readonly (readonly [NodeKey, TreeNode])[];
  readonly stale: readonly NodeKey[];
}

/**
 * All that a tree of a new version writes. Written shards first and root last, it is whole once its root is
 * there.
 */
export interface TreeUpdate {
  readonly version: bigint;
  /** By shard, which is the first nibble of the key hash. */
  readonly shards: readonly NodeBatch[];
  readonly root: NodeBatch;
  readonly rootHash: HashValue;
  readonly leafCount: number;
}
