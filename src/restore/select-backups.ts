import type { StateSnapshotEntry, TransactionEntry } from '../archive/metadata-entry.js';
import type { MetadataView, ViewEntry } from '../archive/metadata-view.js';
import type { PlannedRange, RestoreRequest } from './plan.js';
import { UnbrokenRows } from './select-unbroken.js';

type Snapshot = ViewEntry<StateSnapshotEntry>;
type Transactions = UnbrokenRows<ViewEntry<TransactionEntry>>;

/** The transaction backups of an archive as rows of versions. */
export function transactionRows(view: MetadataView): Transactions {
  return new UnbrokenRows(
    view.transactions.map((item) => ({
      first: item.entry.firstVersion,
      last: item.entry.lastVersion,
      item,
    })),
  );
}

/** A restore that was begun is gone on with as it was chosen, whatever else the archive holds by now. */
export interface PinnedChoice {
  readonly version: bigint;
  readonly firstVersion: bigint;
  /** Undefined where the values were replayed from nothing. */
  readonly base?: bigint;
  /** Undefined where the tree was. */
  readonly tree?: bigint;
}

/** What the metadata alone choose. */
export interface BackupSelection {
  readonly version: bigint;
  /** Where the values begin: a snapshot, or nothing, before version 0. */
  readonly base: Snapshot | undefined;
  /** Where the tree begins; undefined: it is replayed from nothing. */
  readonly tree: Snapshot | undefined;
  readonly transactions: readonly ViewEntry<TransactionEntry>[];
}

/** Why a selection is less than what was asked for. */
export interface SelectionShortfall {
  /** Versions that no backup holds and that the best selection for the request would need. */
  readonly missingVersions: readonly PlannedRange[];
  /** Versions that no backup holds and that the selection does without. */
  readonly otherMissingVersions: readonly PlannedRange[];
  /** The last version of any transaction backup; undefined where there is none. */
  readonly lastVersionHeld: bigint | undefined;
  /** True where the result is older than the archive's transactions would allow. */
  readonly endsEarlier: boolean;
  /** True where the history begins later than asked. */
  readonly beginsLater: boolean;
}

export interface SelectionResult {
  /** Undefined where nothing can be restored. */
  readonly selection: BackupSelection | undefined;
  readonly shortfall: SelectionShortfall;
}

const NOTHING_HELD: SelectionResult = {
  selection: undefined,
  shortfall: {
    missingVersions: [],
    otherMissingVersions: [],
    lastVersionHeld: undefined,
    endsEarlier: true,
    beginsLater: true,
  },
};

/**
 * Chooses what to restore from (spec: backup-format.md, 12.2), by the metadata alone. Where the reference
 * refuses an archive with any gap before the target, this looks for the newest version that can be had.
 */
export function selectBackups(
  view: MetadataView,
  request: RestoreRequest,
  pinned?: PinnedChoice,
): SelectionResult {
  const rows = transactionRows(view);
  const lastVersionHeld = rows.last;
  if (lastVersionHeld === undefined) return NOTHING_HELD;
  const wanted = min(pinned?.version ?? request.targetVersion ?? lastVersionHeld, lastVersionHeld);
  const nothing: SelectionResult = {
    selection: undefined,
    shortfall: {
      missingVersions: rows.gapsIn({ first: 0n, last: wanted }),
      otherMissingVersions: [],
      lastVersionHeld,
      endsEarlier: true,
      beginsLater: true,
    },
  };
  const snapshots = view.stateSnapshots.filter(({ entry }) => entry.version <= wanted);
  const end = furthestEnd(rows, snapshots, wanted);
  if (end === undefined) return nothing;
  const exactly = (version: bigint | undefined) => snapshots.find(({ entry }) => entry.version === version);
  const tree = pinned ? exactly(pinned.tree) : newestCovered(rows, snapshots, end, end);
  const { base, beginsLater } = pinned
    ? { base: exactly(pinned.base), beginsLater: false }
    : chooseBase(rows, snapshots, tree, request, end);
  const first = base?.entry.version ?? 0n;
  const transactions = rows.covering(pinned ? min(pinned.firstVersion, first) : first, end);
  if (transactions.length === 0) return nothing;
  const selection: BackupSelection = {
    version: end,
    base,
    tree: request.replayAll ? base : tree,
    transactions,
  };
  const from = beginsLater ? (request.historyStartVersion ?? 0n) : first;
  const isNeeded = (gap: PlannedRange): boolean => gap.last >= from && gap.first <= wanted;
  const gaps = rows.gapsIn({ first: 0n, last: lastVersionHeld });
  return {
    selection,
    shortfall: {
      missingVersions: gaps.filter(isNeeded),
      otherMissingVersions: gaps.filter((gap) => !isNeeded(gap)),
      lastVersionHeld,
      endsEarlier: end < wanted,
      beginsLater,
    },
  };
}

/** The newest version up to `wanted` that follows on a snapshot, or on nothing, without a gap. */
function furthestEnd(rows: Transactions, snapshots: readonly Snapshot[], wanted: bigint): bigint | undefined {
  let furthest = rows.reachFrom(0n);
  for (const { entry } of snapshots) {
    const reach = rows.reachFrom(entry.version);
    if (reach !== undefined && (furthest === undefined || reach > furthest)) furthest = reach;
  }
  return furthest === undefined ? undefined : min(furthest, wanted);
}

/** The newest snapshot at or before `atMost` that transactions follow without a gap up to `end`. */
function newestCovered(
  rows: Transactions,
  snapshots: readonly Snapshot[],
  atMost: bigint,
  end: bigint,
): Snapshot | undefined {
  return snapshots.findLast(({ entry }) => entry.version <= atMost && rows.covers(entry.version, end));
}

function chooseBase(
  rows: Transactions,
  snapshots: readonly Snapshot[],
  tree: Snapshot | undefined,
  { historyStartVersion }: RestoreRequest,
  end: bigint,
): { readonly base: Snapshot | undefined; readonly beginsLater: boolean } {
  // Without a wish the history begins with the snapshot; without a snapshot, with the ledger.
  if (historyStartVersion === undefined || tree === undefined) return { base: tree, beginsLater: false };
  if (historyStartVersion >= tree.entry.version) return { base: tree, beginsLater: false };
  const atOrBefore = newestCovered(rows, snapshots, historyStartVersion, end);
  if (atOrBefore) return { base: atOrBefore, beginsLater: false };
  if (rows.covers(0n, end)) return { base: undefined, beginsLater: false };
  const oldest = snapshots.find(({ entry }) => rows.covers(entry.version, end));
  return { base: oldest, beginsLater: true };
}

function min(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}
