import { decode } from '../../bcs/codec.js';
import { equalBytes, toHex } from '../../hashing/hash-value.js';
import { StateKey, stateKeyPreimage } from '../../types/state-key.js';
import { StateValue } from '../../types/state-value.js';
import { SHARD_COUNT } from '../driver/instances.js';
import { nodeHash } from '../jellyfish/node-hash.js';
import { ROOT_PATH, shardOfKeyHash } from '../schema/node-key.js';
import { getRow, iterateRowBytes } from '../schema/rows.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { type LeafNode, leafCountOf } from '../schema/tree-node.js';
import type { StateUsage } from '../schema/version-data.js';
import type { TreeSnapshot } from './check-tree-root.js';
import { checkedLeaves, namedChildren } from './checked-leaves.js';
import { type CheckContext, type ConditionResult, Problems } from './condition.js';
import { itemSize } from './state-sizes.js';

interface StateFindings {
  readonly results: readonly ConditionResult[];
  /** What the leaves with their values amount to. */
  readonly usage: StateUsage;
}

/**
 * Every node of the tree, every leaf with its value: one pass over each shard, in the order of key hashes
 * on both sides (spec: aptosdb-schema.md, 11.6, points 5 and 8).
 */
export async function checkState(context: CheckContext, snapshot: TreeSnapshot): Promise<StateFindings> {
  const { database } = context;
  const nodes = new Problems();
  const values = new Problems();
  const usage = { items: 0n, bytes: 0n };
  await checkRootHash(context, snapshot, nodes);
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    const leaves = shardLeaves(context, snapshot, shard, nodes);
    const rows = iterateRowBytes(
      database.stateKvShard(shard),
      stateValueRows,
      {},
      { signal: context.signal },
    );
    await joinShard(context, { leaves, rows, shard, values, usage });
  }
  if (usage.items !== BigInt(leafCountOf(snapshot.root))) {
    nodes.add(`${usage.items} leaves are there, the root counts ${leafCountOf(snapshot.root)}`);
  }
  const detail = `${usage.items} leaves below the root of version ${snapshot.version}`;
  return {
    results: [nodes.result('tree-nodes', detail), values.result('state-values', `${usage.items} values`)],
    usage,
  };
}

async function checkRootHash(
  context: CheckContext,
  snapshot: TreeSnapshot,
  problems: Problems,
): Promise<void> {
  const { database, hashers } = context;
  const { version, root } = snapshot;
  const treeHashers = { leaf: hashers.sparseMerkleLeaf, internal: hashers.sparseMerkleInternal };
  const infos = database.ledger('ledger_db/transaction_info_db');
  const info = await getRow(infos, transactionInfoRows, version);
  const expected = info?.value.state_checkpoint_hash;
  const actual = nodeHash(treeHashers, root);
  if (expected === undefined) problems.add(`version ${version} has a tree, but is no state checkpoint`);
  else if (!equalBytes(expected, actual)) {
    problems.add(
      `the root of version ${version} is ${toHex(actual)}, its transaction info says ${toHex(expected)}`,
    );
  }
}

async function* shardLeaves(
  context: CheckContext,
  { version, root }: TreeSnapshot,
  shard: number,
  problems: Problems,
): AsyncGenerator<LeafNode, void, undefined> {
  const { database, hashers, signal } = context;
  if (root.kind === 'leaf' && shardOfKeyHash(root.keyHash) === shard) yield root;
  if (root.kind !== 'internal') return;
  const top = namedChildren({ version, path: ROOT_PATH }, root).find(({ child }) => child.nibble === shard);
  if (top === undefined) return;
  const treeHashers = { leaf: hashers.sparseMerkleLeaf, internal: hashers.sparseMerkleInternal };
  const store = database.stateMerkleShard(shard);
  yield* checkedLeaves({ store, hashers: treeHashers, problems, signal }, top);
}

interface ShardJoin {
  readonly leaves: AsyncGenerator<LeafNode, void, undefined>;
  readonly rows: AsyncIterable<{
    readonly key: { readonly key_hash: Uint8Array; readonly version: bigint };
    readonly value: Uint8Array;
  }>;
  readonly shard: number;
  readonly values: Problems;
  readonly usage: { items: bigint; bytes: bigint };
}

/** Walks leaves and values side by side: the value of a leaf is its newest one at the leaf's version. */
async function joinShard(context: CheckContext, join: ShardJoin): Promise<void> {
  const { leaves, rows, shard, values, usage } = join;
  const nextLeaf = async (): Promise<LeafNode | undefined> => {
    const step = await leaves.next();
    return step.done === true ? undefined : step.value;
  };
  const lacking = (leaf: LeafNode): void => {
    usage.items++;
    values.add(`the leaf ${toHex(leaf.keyHash)} has no value at version ${leaf.valueVersion}`);
  };
  let leaf = await nextLeaf();
  for await (const { key, value } of rows) {
    if (shardOfKeyHash(key.key_hash) !== shard) {
      values.add(`shard ${shard} has a value of ${toHex(key.key_hash)}`);
    }
    while (leaf && Buffer.compare(leaf.keyHash, key.key_hash) < 0) {
      lacking(leaf);
      leaf = await nextLeaf();
    }
    if (!leaf || !equalBytes(leaf.keyHash, key.key_hash) || key.version > leaf.valueVersion) continue;
    usage.items++;
    usage.bytes += checkValue(context, leaf, value, values);
    leaf = await nextLeaf();
  }
  for (; leaf; leaf = await nextLeaf()) lacking(leaf);
}

/** The bytes that an item adds to the usage. */
function checkValue(context: CheckContext, leaf: LeafNode, row: Uint8Array, values: Problems): bigint {
  const keyHash = context.hashers.stateKey.hash(stateKeyPreimage(leaf.stateKey));
  if (!equalBytes(keyHash, leaf.keyHash))
    values.add(`the leaf ${toHex(leaf.keyHash)} holds another state key`);
  const value = row.subarray(1);
  if (row[0] === 0 || !equalBytes(context.hashers.stateValue.hash(value), leaf.valueHash)) {
    values.add(`the leaf ${toHex(leaf.keyHash)} has another value than its hash says`);
    return 0n;
  }
  return itemSize(decode(StateKey, leaf.stateKey), decode(StateValue, value));
}
