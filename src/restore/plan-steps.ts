import type { EpochEndingEntry, StateSnapshotEntry } from '../archive/metadata-entry.js';
import type { ViewEntry } from '../archive/metadata-view.js';
import { toHex } from '../hashing/hash-value.js';
import type { StateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { PlannedRange, PlannedSnapshot, RestoreSteps, SnapshotMode } from './plan.js';
import type { BackupSelection } from './select-backups.js';

export interface StepsInput {
  readonly selection: BackupSelection;
  /** Where another run began; undefined: with the first backup's first version. */
  readonly firstVersion: bigint | undefined;
  readonly epochEndings: readonly ViewEntry<EpochEndingEntry>[];
  /** Those that could be read. */
  readonly snapshotManifests: ReadonlyMap<FileHandle, StateSnapshotManifest>;
}

/** What is done with what was selected, and in which order. */
export function stepsOf(input: StepsInput): RestoreSteps {
  const { selection, epochEndings } = input;
  const { base, tree, transactions, version } = selection;
  const first = input.firstVersion ?? transactions[0]?.entry.firstVersion ?? 0n;
  const valuesFrom = base?.entry.version;
  const treeFrom = tree?.entry.version;
  const afterValues = valuesFrom === undefined ? 0n : valuesFrom + 1n;
  const afterTree = treeFrom === undefined ? 0n : treeFrom + 1n;
  const isReplayed = afterValues < afterTree;
  const saved = rangeOrNone(first, valuesFrom ?? -1n);
  const replayed = rangeOrNone(afterValues, afterTree - 1n);
  const tail = rangeOrNone(isReplayed ? afterTree : afterValues, version);
  const planned = (backup: ViewEntry<StateSnapshotEntry>, mode: SnapshotMode): PlannedSnapshot =>
    plannedSnapshot(backup, mode, input.snapshotManifests.get(backup.entry.manifest));
  return {
    epochEndings,
    ...(base && isReplayed ? { kvSnapshot: planned(base, 'kv_only') } : {}),
    ...(tree ? { treeSnapshot: planned(tree, isReplayed ? 'tree_only' : 'default') } : {}),
    transactions,
    ...(saved ? { saved } : {}),
    ...(isReplayed && replayed ? { replayed } : {}),
    ...(tail ? { tail } : {}),
    version,
  };
}

function rangeOrNone(first: bigint, last: bigint): PlannedRange | undefined {
  return first <= last ? { first, last } : undefined;
}

function plannedSnapshot(
  backup: ViewEntry<StateSnapshotEntry>,
  mode: SnapshotMode,
  manifest: StateSnapshotManifest | undefined,
): PlannedSnapshot {
  const { version, epoch } = backup.entry;
  if (!manifest) return { backup, version, epoch, mode };
  const items = (manifest.chunks.at(-1)?.lastIdx ?? -1n) + 1n;
  return { backup, version, epoch, mode, items, rootHash: toHex(manifest.rootHash) };
}
