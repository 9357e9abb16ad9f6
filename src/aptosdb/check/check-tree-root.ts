import { SHARD_COUNT } from '../driver/instances.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { ROOT_PATH } from '../schema/node-key.js';
import { getMarker } from '../schema/progress-markers.js';
import { getRow, iterateKeys } from '../schema/rows.js';
import type { TreeNode } from '../schema/tree-node.js';
import { AHEAD_MAX } from './check-progress.js';
import { type CheckContext, type ConditionResult, failed, Problems, passed, skipped } from './condition.js';

/** Versions that a node replays at most to bring its tree up to date. */
const REPLAY_MAX = 800_000n;

/** The newest tree that a node starts from. */
export interface TreeSnapshot {
  readonly version: bigint;
  readonly root: TreeNode;
}

interface RootSearch {
  readonly results: ConditionResult[];
  readonly snapshot: TreeSnapshot | undefined;
}

/** Spec: aptosdb-schema.md, 11.2, point 4, and 11.6, points 5, 7 and 10. */
export async function findTreeRoot(context: CheckContext): Promise<RootSearch> {
  const { database, syncedVersion, signal } = context;
  const problems = new Problems();
  let found: bigint | undefined;
  let newest = -1n;
  for await (const { version, path } of iterateKeys(
    database.stateMerkleMetadata,
    treeNodeRows,
    {},
    { signal },
  )) {
    if (path.length > 0) problems.add(`a node below the root of version ${version} is no matter of metadata`);
    else if (version <= syncedVersion) found = version;
    newest = version;
  }
  if (newest - syncedVersion > AHEAD_MAX) {
    problems.add(`the newest root is of version ${newest}, more than ${AHEAD_MAX} versions ahead`);
  }
  if (found === undefined) problems.add(`no root at or before version ${syncedVersion}`);
  const ahead = newest > syncedVersion ? `; a root of version ${newest} will be cut off` : '';
  const results = [problems.result('tree-root', `at version ${found}${ahead}`)];
  if (found === undefined) {
    const why = 'there is no tree root';
    results.push(skipped('tree-progress', why), skipped('replay-distance', why));
    return { results, snapshot: undefined };
  }
  results.push(await checkTreeProgress(context, found), checkReplayDistance(context, found));
  const root = await getRow(database.stateMerkleMetadata, treeNodeRows, { version: found, path: ROOT_PATH });
  return { results, snapshot: root && { version: found, root } };
}

/** A marker below the root makes every opening delete nodes that the root needs. */
async function checkTreeProgress(context: CheckContext, version: bigint): Promise<ConditionResult> {
  const marker = { variant: 'StateMerkleCommitProgress' } as const;
  const progress = await getMarker(context.database.stateMerkleMetadata, marker);
  if (progress === undefined) return passed('tree-progress', 'no marker, as after a restore');
  if (progress >= version) return passed('tree-progress', `at ${progress}`);
  return failed('tree-progress', `the marker is ${progress}, behind the root of version ${version}`);
}

function checkReplayDistance({ syncedVersion }: CheckContext, version: bigint): ConditionResult {
  const distance = syncedVersion - version;
  if (distance > REPLAY_MAX) return failed('replay-distance', `${distance} versions, at most ${REPLAY_MAX}`);
  return passed('replay-distance', `${distance} versions`);
}

/** Every node's shard is the first nibble of its path. */
export async function checkTreeShards(context: CheckContext): Promise<ConditionResult> {
  const { database, syncedVersion, signal } = context;
  const problems = new Problems();
  let nodeCount = 0;
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    let newest = -1n;
    const keys = iterateKeys(database.stateMerkleShard(shard), treeNodeRows, {}, { signal, readAhead: 1024 });
    for await (const { version, path } of keys) {
      nodeCount++;
      newest = version;
      if (path[0] !== shard)
        problems.add(`shard ${shard} has a node of version ${version} that is not its own`);
    }
    if (newest - syncedVersion > AHEAD_MAX) {
      problems.add(`shard ${shard} has nodes of version ${newest}, more than ${AHEAD_MAX} versions ahead`);
    }
  }
  return problems.result('tree-shards', `${nodeCount} nodes below the roots`);
}
