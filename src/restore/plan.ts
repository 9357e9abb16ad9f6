import type { EpochEndingEntry, StateSnapshotEntry, TransactionEntry } from '../archive/metadata-entry.js';
import type { ViewEntry } from '../archive/metadata-view.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { Finding } from '../verify/finding.js';
import type { RestoreIdentity } from './restore-identity.js';

/** Versions, or epochs, inclusive. */
export interface PlannedRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** What is asked of a restore. */
export interface RestoreRequest {
  /** Nothing newer is restored; undefined: as far as the archive goes. */
  readonly targetVersion?: bigint | undefined;
  /** Where the history of the state begins at the latest; undefined: at the snapshot that is restored. */
  readonly historyStartVersion?: bigint | undefined;
  /**
   * No snapshot newer than the history's beginning is used: everything after it is replayed from write sets,
   * values and tree, and each state checkpoint's root is compared.
   */
  readonly replayAll?: boolean;
  /** No signature is checked, and no ledger info of an epoch's end is written. */
  readonly skipEpochEndings?: boolean;
}

/**
 * - `default`: values and tree.
 * - `kv_only`: values, on which the write sets up to the tree's snapshot are replayed.
 * - `tree_only`: the tree, where the values came from such a replay.
 */
export type SnapshotMode = 'default' | 'kv_only' | 'tree_only';

export interface PlannedSnapshot {
  readonly backup: ViewEntry<StateSnapshotEntry>;
  readonly version: bigint;
  readonly epoch: bigint;
  readonly mode: SnapshotMode;
  /** By the manifest; undefined where that cannot be read. */
  readonly items?: bigint;
  /** Lower-case hex, by the manifest. */
  readonly rootHash?: string;
}

/**
 * The steps of a restore (spec: backup-format.md, 12.2), in the order in which they are done: epoch endings,
 * values of `kvSnapshot`, transactions `saved` and `replayed` if there is such a snapshot or none at all,
 * the `treeSnapshot`, transactions that are `saved` before it otherwise, the `tail`.
 */
export interface RestoreSteps {
  /** All that are there from epoch 0 on; empty where they are skipped. Those up to `version` are written. */
  readonly epochEndings: readonly ViewEntry<EpochEndingEntry>[];
  /** Restored `kv_only`; only where write sets are replayed up to the tree's snapshot. */
  readonly kvSnapshot?: PlannedSnapshot;
  /** Restored `default` or, after a replay, `tree_only`; without one the ledger is replayed from nothing. */
  readonly treeSnapshot?: PlannedSnapshot;
  /** In the order of their versions, each beginning where the one before ends. */
  readonly transactions: readonly ViewEntry<TransactionEntry>[];
  /** Rows of transactions alone; up to the snapshot with values. Absent when replay begins with version 0. */
  readonly saved?: PlannedRange;
  /** Rows and values, up to the tree's snapshot. */
  readonly replayed?: PlannedRange;
  /** Rows, values and tree after the tree's snapshot. */
  readonly tail?: PlannedRange;
  /** The last version of the restored ledger. */
  readonly version: bigint;
}

export type RemarkLevel =
  /** Worth knowing. */
  | 'note'
  /** Something is wrong that this restore gets by without. */
  | 'warning'
  /** The restore does not begin. */
  | 'refusal';

/** Why the restore is as it is, or is not to be. */
export type RemarkCode =
  /** Warning: the archive's transactions end before the target version; what is there is restored. */
  | 'ARCHIVE_ENDS_EARLIER'
  /** Transactions are missing. Refusal: before the target version. Warning: where this restore needs none. */
  | 'VERSIONS_MISSING'
  /** Note: no snapshot can be used; the state is replayed from version 0 on. */
  | 'SNAPSHOT_MISSING'
  /** Refusal: the history of the state cannot begin as early as asked for. */
  | 'HISTORY_STARTS_LATER'
  /** Note: no snapshot is old enough; the history begins with version 0, from an empty state. */
  | 'HISTORY_STARTS_AT_GENESIS'
  /** Ends of epochs are missing. Refusal: they are needed. Warning: only later epochs need them. */
  | 'EPOCH_ENDINGS_MISSING'
  /** Warning: `--skip-epoch-endings` was given; a node needs what is not written. */
  | 'SIGNATURES_NOT_CHECKED'
  /** Warning: without a waypoint the archive vouches for itself. */
  | 'TRUST_FROM_ARCHIVE'
  /** A metadata file is damaged. Refusal: what it named may change the result. Warning: it cannot. */
  | 'METADATA_DAMAGED'
  /** Refusal: a manifest or file that is to be read is damaged or missing; with the finding. */
  | 'BACKUP_DAMAGED'
  /** A manifest that no metadata names. Refusal: it may change the result. Warning: it cannot. */
  | 'BACKUP_UNLISTED'
  /** Refusal: neither a snapshot with its transaction nor a row from version 0 on is there. */
  | 'NOTHING_TO_RESTORE'
  /** Note: more than a million versions behind the snapshot are replayed into the tree. */
  | 'LONG_TAIL'
  /** Refusal: the disk of the target has less room than the database takes at least. */
  | 'DISK_TOO_SMALL'
  /** Warning: the disk of the target may run full on the way. */
  | 'DISK_MAYBE_TOO_SMALL'
  /** Note: the archive goes further by now than the unfinished restore, which ends where it was to. */
  | 'ARCHIVE_GREW';

/** One thing that the operator should know of a plan, in words and as a code. */
export interface PlanRemark {
  readonly code: RemarkCode;
  readonly level: RemarkLevel;
  /** A sentence for people. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** What `backup verify` finds of the same file, where it is that. */
  readonly finding?: Finding;
}

/** How the bytes of some files are known. */
export interface FileBytes {
  readonly files: number;
  /** Of the files whose size is known. */
  readonly bytes: bigint;
  /** Files whose size neither the storage nor the manifest tells. */
  readonly unknown: number;
}

export interface PlanSizes {
  readonly epochEndings: FileBytes;
  readonly snapshots: FileBytes;
  readonly transactions: FileBytes;
  /** Sum of the three. */
  readonly total: FileBytes;
  readonly basis: 'file sizes' | 'recorded sizes' | 'both' | 'unknown';
}

/** What is written, estimated; `basis` says from what. */
export interface PlanEstimate {
  readonly transactions: bigint;
  /** Items of the snapshots; undefined where a manifest cannot be read. */
  readonly stateItems?: bigint;
  readonly rows: bigint;
  /** Bytes of disk when done. */
  readonly bytes: bigint;
  /** What it takes at least: less room than this is refused. */
  readonly bytesMin: bigint;
  /** What it takes on the way, at most. */
  readonly bytesPeak: bigint;
  readonly basis: string;
}

/** The target's file system. */
export interface TargetSpace {
  /** Bytes that are free now. */
  readonly free: bigint;
  /** Bytes that an unfinished restore has taken already. */
  readonly used: bigint;
}

/** How to restore without one of the snapshots that a plan takes. */
export interface SnapshotDetour {
  /** Of the snapshot. */
  readonly manifest: FileHandle;
  /** Flags, and what comes of them; at least one. */
  readonly ways: readonly string[];
}

/** What a restore will do, why, and what it gives; made before anything is written. */
export interface RestorePlan {
  /** The archive in words. */
  readonly archive: string;
  readonly request: RestoreRequest;
  /** Undefined where nothing can be restored at all; then `remarks` say why. */
  readonly steps?: RestoreSteps;
  /** The epoch of the last version, as far as the archive's epoch endings tell. */
  readonly epoch?: bigint;
  /** True when the last version ends its epoch. */
  readonly endsEpoch: boolean;
  readonly sizes: PlanSizes;
  readonly estimate?: PlanEstimate;
  readonly space?: TargetSpace;
  /** Refusals first, then warnings, then notes. */
  readonly remarks: readonly PlanRemark[];
  /** Files whose size was looked at and that are not there. */
  readonly missingFiles: readonly FileHandle[];
  /** For the case that a snapshot is damaged; absent without steps. */
  readonly detours?: readonly SnapshotDetour[];
  /** What an unfinished restore must have in common with this one; absent without steps. */
  readonly identity?: RestoreIdentity;
}

/** Why the restore does not begin; empty where it may. */
export function refusals(plan: RestorePlan): readonly PlanRemark[] {
  return plan.remarks.filter(({ level }) => level === 'refusal');
}
