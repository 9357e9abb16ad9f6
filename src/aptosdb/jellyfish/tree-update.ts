import assert from 'node:assert/strict';
import type { HashValue } from '../../hashing/hash-value.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { type NodeKey, ROOT_PATH, shardOfKeyHash } from '../schema/node-key.js';
import { leafCountOf, TREE_FANOUT, type TreeChild, type TreeNode } from '../schema/tree-node.js';
import { JellyfishError } from './jellyfish-error.js';
import { nodeHash, type Children } from './node-hash.js';
import { loadTouchedNodes } from './load-touched-nodes.js';
import { type NodeReader, requireRootNode } from './node-store.js';
import { ShardUpdate } from './shard-update.js';

/** What becomes of a state item: its new value, or undefined when it is gone. */
export interface LeafUpdate {
  readonly keyHash: HashValue;
  readonly value: { readonly valueHash: HashValue; readonly stateKey: Uint8Array } | undefined;
}

/** Nodes to write in one instance, and the nodes there that they replace. */
export interface NodeBatch {
  readonly nodes: (readonly [NodeKey, TreeNode])[];
  readonly stale: NodeKey[];
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

export interface TreeUpdateRequest {
  /** The version of the tree that the new one is based on; undefined for the first tree. */
  readonly base: bigint | undefined;
  readonly version: bigint;
  /** At most one a key, in any order: what was written last since the base. */
  readonly updates: readonly LeafUpdate[];
}

/**
 * The next version of a Jellyfish Merkle tree: 16-ary, copy on write, one shard a first nibble (spec:
 * aptosdb-schema.md, 8.4). Every shard's top node is rewritten, changed or not. Nothing is stored here.
 * @throws JellyfishError JELLYFISH_ROOT_MISSING, JELLYFISH_NODE_MISSING, JELLYFISH_ROOT_IS_LEAF
 */
export async function updateTree(
  hashers: SparseMerkleHashers,
  reader: NodeReader,
  request: TreeUpdateRequest,
): Promise<TreeUpdate> {
  const { base, version } = request;
  assert(base === undefined || base < version, 'a tree is based on an earlier version');
  const baseChildren = base === undefined ? [] : await rootChildren(reader, base);
  const byShard = updatesByShard(request.updates);
  const loaded = await loadTouchedNodes(reader, baseChildren, byShard);
  const children: TreeChild[] = [];
  const shards = byShard.map((updates, shard): NodeBatch => {
    const update = new ShardUpdate(hashers, version, loaded, updates);
    const top = baseChildren.find(({ nibble }) => nibble === shard);
    const child = update.run(shard, top);
    if (child) children.push(child);
    return { nodes: update.nodes, stale: update.stale };
  });
  const root: TreeNode = children.length > 0 ? { kind: 'internal', children } : { kind: 'null' };
  return {
    version,
    shards,
    root: {
      nodes: [[{ version, path: ROOT_PATH }, root]],
      stale: base === undefined ? [] : [{ version: base, path: ROOT_PATH }],
    },
    rootHash: nodeHash(hashers, root),
    leafCount: leafCountOf(root),
  };
}

async function rootChildren(reader: NodeReader, base: bigint): Promise<Children> {
  const root = await requireRootNode(reader, base);
  if (root.kind === 'null') return [];
  if (root.kind === 'internal') return root.children;
  throw new JellyfishError(
    'JELLYFISH_ROOT_IS_LEAF',
    `the tree of version ${base} is a bare leaf: nothing can be put on it`,
    { facts: { version: base } },
  );
}

/** Sorted by key within each shard. */
function updatesByShard(updates: readonly LeafUpdate[]): LeafUpdate[][] {
  const shards = Array.from({ length: TREE_FANOUT }, (): LeafUpdate[] => []);
  for (const update of updates) shards[shardOfKeyHash(update.keyHash)]?.push(update);
  for (const shard of shards) {
    shard.sort((left, right) => Buffer.compare(left.keyHash, right.keyHash));
    shard.forEach((update, index) => {
      const before = shard[index - 1];
      assert(before === undefined || Buffer.compare(before.keyHash, update.keyHash) < 0, 'one update a key');
    });
  }
  return shards;
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
