import { equalBytes, hashFromHex, type HashValue, toHex } from '../../hashing/hash-value.js';
import { type SparseMerkleHashers, sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { nodeHash } from '../jellyfish/node-hash.js';
import { DatabaseNodes } from '../read/database-nodes.js';
import { type DbMetadataKey, dbMetadataRows } from '../schema/db-metadata.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { ROOT_PATH, shardOfKeyHash } from '../schema/node-key.js';
import { getRow, getRowBytes } from '../schema/rows.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { leafCountOf } from '../schema/tree-node.js';
import { type StateUsage, versionDataRows } from '../schema/version-data.js';
import type { SnapshotPosition, SnapshotTarget } from './snapshot-progress.js';
import { refuseProgress, SnapshotRestoreError } from './snapshot-restore-error.js';
import { isEdgeStored } from './tree-builder-edge.js';

/** How far the values of a snapshot are written. */
interface ValueProgress {
  readonly keyHash: HashValue;
  readonly usage: StateUsage | undefined;
}

/** The marker of the values of a snapshot, which stays for ever. */
export function valueProgressMarker(version: bigint): DbMetadataKey {
  return { variant: 'StateSnapshotKvRestoreProgress', value: version };
}

async function valueProgress(
  database: AptosDatabaseFiles,
  version: bigint,
): Promise<ValueProgress | undefined> {
  const marker = await getRow(database.stateKvMetadata, dbMetadataRows, valueProgressMarker(version));
  if (marker?.variant !== 'StateSnapshotProgress') return undefined;
  const { key_hash: keyHash, usage } = marker.value;
  return { keyHash, usage: usage.variant === 'Tracked' ? usage.value : undefined };
}

function isSameUsage(left: StateUsage | undefined, right: StateUsage | undefined): boolean {
  return left !== undefined && left.items === right?.items && left.bytes === right.bytes;
}

/**
 * The usage of a snapshot that is written already; undefined where something is left to do. A root is stored
 * last, so it means a whole tree; values are whole where the usage of the version is that of their marker.
 * Where a tree alone is wanted and no usage is on record, bytes are 0.
 * @throws SnapshotRestoreError RESTORE_ROOT_MISMATCH where there is a tree of the version with another root
 */
export async function finishedUsage(
  database: AptosDatabaseFiles,
  hashers: SparseMerkleHashers,
  { version, mode, rootHash }: SnapshotTarget,
): Promise<StateUsage | undefined> {
  const usage = await getRow(database.ledgerMetadata, versionDataRows, version);
  const root = await getRow(database.stateMerkleMetadata, treeNodeRows, { version, path: ROOT_PATH });
  if (root !== undefined) requireSnapshotRoot(rootHash, nodeHash(hashers, root));
  if (mode !== 'kv_only' && root === undefined) return undefined;
  if (mode === 'tree_only') return usage ?? { items: BigInt(root ? leafCountOf(root) : 0), bytes: 0n };
  const progress = await valueProgress(database, version);
  return isSameUsage(usage, progress?.usage) ? usage : undefined;
}

/** @throws SnapshotRestoreError RESTORE_ROOT_MISMATCH */
export function requireSnapshotRoot(expected: HashValue, actual: HashValue): void {
  if (equalBytes(expected, actual)) return;
  const facts = { expected: toHex(expected), actual: toHex(actual) };
  const message = `the state tree has root ${facts.actual}, the snapshot is one of ${facts.expected}`;
  throw new SnapshotRestoreError('RESTORE_ROOT_MISMATCH', message, { facts });
}

/**
 * A tree of values that are there already has as many leaves as the usage on record counts, if there is one.
 * @throws SnapshotRestoreError RESTORE_USAGE_MISMATCH
 */
export async function requireCountedItems(
  database: AptosDatabaseFiles,
  version: bigint,
  items: bigint,
): Promise<void> {
  const usage = await getRow(database.ledgerMetadata, versionDataRows, version);
  if (usage === undefined || usage.items === items) return;
  throw new SnapshotRestoreError(
    'RESTORE_USAGE_MISMATCH',
    `the tree of version ${version} has ${items} leaves, the usage on record counts ${usage.items} items`,
    { facts: { version, expected: usage.items, actual: items } },
  );
}

/**
 * Checks that what saved progress builds upon is in the database. There may be more: rows behind a checkpoint
 * that was written and not saved.
 * @throws SnapshotRestoreError RESTORE_PROGRESS_MISMATCH
 */
export async function requireStored(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  { version, mode }: SnapshotTarget,
  { last, frontier, bytes, edge }: SnapshotPosition,
): Promise<void> {
  if (last === null) return;
  const keyHash = hashFromHex(last.key);
  if (mode !== 'tree_only') {
    const usage = { items: BigInt(frontier.leafCount), bytes };
    const progress = await valueProgress(database, version);
    const order = progress === undefined ? -1 : Buffer.compare(progress.keyHash, keyHash);
    if (order < 0) refuseProgress('the database knows of fewer values', { key: last.key });
    if (order === 0 && !isSameUsage(progress?.usage, usage)) {
      refuseProgress('the database counts other items', { expected: usage, actual: progress?.usage });
    }
    const store = database.stateKvShard(shardOfKeyHash(keyHash));
    const row = await getRowBytes(store, stateValueRows, { key_hash: keyHash, version });
    const isThere = row?.[0] === 1 && toHex(hashers.stateValue.hash(row.subarray(1))) === last.valueHash;
    if (!isThere) refuseProgress('the value of the last item is not there', { key: last.key });
  }
  if (edge === undefined) return;
  if (await isEdgeStored(sparseMerkleHashers(hashers), new DatabaseNodes(database), version, edge)) return;
  refuseProgress('nodes of the tree are not there');
}
