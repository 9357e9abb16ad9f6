import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import { packedLeafHashes, type SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import type { NodeKey } from '../schema/node-key.js';
import { TREE_FANOUT, type TreeChild, type TreeNode } from '../schema/tree-node.js';
import { nodeHash } from './node-hash.js';
import type { NodeReader } from './node-store.js';
import { type NewLeaf, type NewLeafOf, type NodeBatch, UnwrittenTree } from './unwritten-tree.js';

/** What becomes of a state item: its new value, or undefined when it is gone. */
export interface LeafUpdate {
  readonly keyHash: HashValue;
  readonly value: { readonly valueHash: HashValue; readonly stateKey: Uint8Array } | undefined;
}

export interface TreeUpdateRequest {
  /** The version of the tree that the new one is based on; undefined for the first tree. */
  readonly base: bigint | undefined;
  readonly version: bigint;
  /** At most one a key, in any order. */
  readonly updates: readonly LeafUpdate[];
}

/** All that a tree of a new version writes. */
export interface TreeUpdate {
  readonly version: bigint;
  /** By shard, which is the first nibble of the key hash. */
  readonly shards: readonly NodeBatch[];
  readonly root: NodeBatch;
  readonly rootHash: HashValue;
  readonly leafCount: number;
}

/** Applies updates, of items with these numbers, to a tree. */
export async function applyUpdates(
  hashers: SparseMerkleHashers,
  tree: UnwrittenTree,
  updates: readonly LeafUpdate[],
  itemOf: (index: number) => number,
): Promise<void> {
  const keys = new Map(updates.map(({ keyHash }, index) => [itemOf(index), keyHash]));
  await tree.load(keys.keys(), (item) => keys.get(item) ?? new Uint8Array(HASH_SIZE));
  updates.forEach(({ keyHash, value }, index) => {
    if (value === undefined) tree.remove(itemOf(index));
    else tree.put(itemOf(index), packedLeafHashes(hashers.leaf, keyHash, value.valueHash, 0, 1), 0);
  });
}

/** The next version of a tree, in one step. */
export async function updateTree(
  hashers: SparseMerkleHashers,
  reader: NodeReader,
  { base, version, updates }: TreeUpdateRequest,
): Promise<TreeUpdate> {
  const tree = await UnwrittenTree.open(hashers, reader, base);
  await applyUpdates(hashers, tree, updates, (index) => index);
  return planTree(hashers, tree, version, (item) => newLeafOf(updates[item]));
}

export async function planTree(
  hashers: SparseMerkleHashers,
  tree: UnwrittenTree,
  version: bigint,
  leafOf: NewLeafOf,
): Promise<TreeUpdate> {
  const { leafCount } = tree;
  const shards: NodeBatch[] = [];
  const tops: (TreeChild | undefined)[] = [];
  for (let shard = 0; shard < TREE_FANOUT; shard++) {
    const nodes: NodeBatch['nodes'][number][] = [];
    const stale: NodeKey[] = [];
    const take = async (part: NodeBatch): Promise<void> => {
      nodes.push(...part.nodes);
      stale.push(...part.stale);
    };
    tops.push(await tree.planShard(version, shard, leafOf, take));
    shards.push({ nodes, stale });
  }
  const root = tree.planRoot(version, tops);
  const rootHash = nodeHash(hashers, root.nodes[0]?.[1] ?? { kind: 'null' });
  return { version, shards, root, rootHash, leafCount };
}

export function newLeafOf(update: LeafUpdate | undefined): NewLeaf {
  if (update?.value === undefined) throw new Error('no value is planned for what is gone');
  return { keyHash: update.keyHash, ...update.value };
}

/** Every node that an update writes, shards first. */
export function* writtenNodes(update: TreeUpdate): Generator<readonly [NodeKey, TreeNode]> {
  for (const shard of update.shards) yield* shard.nodes;
  yield* update.root.nodes;
}

/** Every node that an update replaces. */
export function* staleNodes(update: TreeUpdate): Generator<NodeKey> {
  for (const shard of update.shards) yield* shard.stale;
  yield* update.root.stale;
}
