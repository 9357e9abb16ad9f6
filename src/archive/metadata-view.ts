import type { FileHandle } from '../storage/backup-storage.js';
import { ArchiveError } from './archive-error.js';
import type {
  CompactionTimestampsEntry,
  EpochEndingEntry,
  IdentityEntry,
  LocatedEntry,
  MetadataEntry,
  StateSnapshotEntry,
  TransactionEntry,
} from './metadata-entry.js';

/** An entry of a view: where it stands, and where else the same stands, as after a compaction. */
export interface ViewEntry<Entry extends MetadataEntry> extends LocatedEntry<Entry> {
  readonly repeated: readonly LocatedEntry<Entry>[];
}

/** All entries of an archive by kind, sorted by all fields in order, each once. */
export interface MetadataView {
  readonly epochEndings: readonly ViewEntry<EpochEndingEntry>[];
  readonly stateSnapshots: readonly ViewEntry<StateSnapshotEntry>[];
  readonly transactions: readonly ViewEntry<TransactionEntry>[];
  readonly identities: readonly LocatedEntry<IdentityEntry>[];
  readonly compactionTimestamps: readonly LocatedEntry<CompactionTimestampsEntry>[];
}

/** The end of what an archive holds; undefined where it holds nothing of the kind. */
export interface BackupStorageState {
  readonly latestEpochEndingEpoch: bigint | undefined;
  readonly latestStateSnapshotEpoch: bigint | undefined;
  readonly latestStateSnapshotVersion: bigint | undefined;
  readonly latestTransactionVersion: bigint | undefined;
}

/** Sorts, and joins what is said twice (spec: backup-format.md, section 7). */
export function buildMetadataView(entries: Iterable<LocatedEntry>): MetadataView {
  const epochEndings: LocatedEntry<EpochEndingEntry>[] = [];
  const stateSnapshots: LocatedEntry<StateSnapshotEntry>[] = [];
  const transactions: LocatedEntry<TransactionEntry>[] = [];
  const identities: LocatedEntry<IdentityEntry>[] = [];
  const compactionTimestamps: LocatedEntry<CompactionTimestampsEntry>[] = [];
  for (const { entry, handle, line } of entries) {
    switch (entry.kind) {
      case 'EpochEndingBackup':
        epochEndings.push({ entry, handle, line });
        break;
      case 'StateSnapshotBackup':
        stateSnapshots.push({ entry, handle, line });
        break;
      case 'TransactionBackup':
        transactions.push({ entry, handle, line });
        break;
      case 'Identity':
        identities.push({ entry, handle, line });
        break;
      case 'CompactionTimestamps':
        compactionTimestamps.push({ entry, handle, line });
        break;
    }
  }
  return {
    epochEndings: sortedOnce(epochEndings, (entry) => [
      entry.firstEpoch,
      entry.lastEpoch,
      entry.firstVersion,
      entry.lastVersion,
    ]),
    stateSnapshots: sortedOnce(stateSnapshots, (entry) => [entry.epoch, entry.version]),
    transactions: sortedOnce(transactions, (entry) => [entry.firstVersion, entry.lastVersion]),
    identities,
    compactionTimestamps,
  };
}

type BackupEntry = EpochEndingEntry | StateSnapshotEntry | TransactionEntry;

function sortedOnce<Entry extends BackupEntry>(
  located: readonly LocatedEntry<Entry>[],
  numbersOf: (entry: Entry) => readonly bigint[],
): ViewEntry<Entry>[] {
  const keyed = located.map((item) => ({ item, numbers: numbersOf(item.entry) }));
  keyed.sort(
    (left, right) =>
      compareNumbers(left.numbers, right.numbers) ||
      compareTexts(left.item.entry.manifest, right.item.entry.manifest) ||
      // Of equal entries the one that says more stands first: compaction drops what it does not know.
      (right.item.entry.extras?.size ?? 0) - (left.item.entry.extras?.size ?? 0),
  );
  const view: { item: LocatedEntry<Entry>; numbers: readonly bigint[]; repeated: LocatedEntry<Entry>[] }[] =
    [];
  for (const { item, numbers } of keyed) {
    const before = view.at(-1);
    const isRepeated =
      before !== undefined &&
      before.item.entry.manifest === item.entry.manifest &&
      compareNumbers(before.numbers, numbers) === 0;
    if (isRepeated) before.repeated.push(item);
    else view.push({ item, numbers, repeated: [] });
  }
  return view.map(({ item, repeated }) => ({ ...item, repeated }));
}

function compareNumbers(left: readonly bigint[], right: readonly bigint[]): number {
  for (const [index, number] of left.entries()) {
    const other = right[index] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  return 0;
}

/** By bytes of UTF-8, as the reference sorts, which differs from the order of UTF-16 units. */
function compareTexts(left: string, right: string): number {
  return left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** How far an archive goes, as `backup query backup-storage-state` tells. */
export function backupStorageState(view: MetadataView): BackupStorageState {
  const snapshot = view.stateSnapshots.at(-1)?.entry;
  return {
    latestEpochEndingEpoch: largest(view.epochEndings.map(({ entry }) => entry.lastEpoch)),
    latestStateSnapshotEpoch: snapshot?.epoch,
    latestStateSnapshotVersion: snapshot?.version,
    latestTransactionVersion: largest(view.transactions.map(({ entry }) => entry.lastVersion)),
  };
}

function largest(numbers: readonly bigint[]): bigint | undefined {
  let result: bigint | undefined;
  for (const number of numbers) if (result === undefined || number > result) result = number;
  return result;
}

/** The line that `backup query backup-storage-state` prints, as the reference words it. */
export function formatBackupStorageState(state: BackupStorageState): string {
  const say = (number: bigint | undefined): string => (number === undefined ? 'none' : `${number}`);
  return [
    `latest_epoch_ending_epoch: ${say(state.latestEpochEndingEpoch)}`,
    `latest_state_snapshot_epoch: ${say(state.latestStateSnapshotEpoch)}`,
    `latest_state_snapshot_version: ${say(state.latestStateSnapshotVersion)}`,
    `latest_transaction_version: ${say(state.latestTransactionVersion)}`,
  ].join(', ');
}

/** The newest snapshot at or before a version. */
export function selectStateSnapshot(
  view: MetadataView,
  targetVersion: bigint,
): ViewEntry<StateSnapshotEntry> | undefined {
  return view.stateSnapshots.findLast(({ entry }) => entry.version <= targetVersion);
}

/** @throws ArchiveError SNAPSHOT_MISSING */
export function expectStateSnapshot(view: MetadataView, version: bigint): ViewEntry<StateSnapshotEntry> {
  const found = view.stateSnapshots.find(({ entry }) => entry.version === version);
  if (found !== undefined) return found;
  throw new ArchiveError('SNAPSHOT_MISSING', `state snapshot not found at version ${version}`, {
    hint: 'Choose a version that the archive has a snapshot of.',
    facts: { expected: version },
  });
}

/** The last version of the last transaction backup in order. */
export function maxTransactionVersion(view: MetadataView): bigint | undefined {
  return view.transactions.at(-1)?.entry.lastVersion;
}

/**
 * The transaction backups that hold any version of [startVersion, targetVersion]. As in the reference,
 * all from version 0 on must follow on one another; gaps beyond the target go unnoticed.
 * `findRangeFaults` finds all of them without throwing.
 * @throws ArchiveError METADATA_GAP
 */
export function selectTransactions(
  view: MetadataView,
  startVersion: bigint,
  targetVersion: bigint,
): ViewEntry<TransactionEntry>[] {
  const selected: ViewEntry<TransactionEntry>[] = [];
  let next = 0n;
  for (const backup of view.transactions) {
    const { firstVersion, lastVersion } = backup.entry;
    if (firstVersion > targetVersion) break;
    if (firstVersion !== next) throw gap('transaction', 'version', next, firstVersion, backup);
    if (lastVersion >= startVersion) selected.push(backup);
    next = lastVersion + 1n;
  }
  return selected;
}

/**
 * The epoch ending backups up to a version, from epoch 0 on.
 * @throws ArchiveError METADATA_GAP
 */
export function selectEpochEndings(view: MetadataView, targetVersion: bigint): ViewEntry<EpochEndingEntry>[] {
  const selected: ViewEntry<EpochEndingEntry>[] = [];
  let next = 0n;
  for (const backup of view.epochEndings) {
    const { firstEpoch, lastEpoch, firstVersion } = backup.entry;
    if (firstVersion > targetVersion) break;
    if (firstEpoch !== next) throw gap('epoch ending', 'epoch', next, firstEpoch, backup);
    selected.push(backup);
    next = lastEpoch + 1n;
  }
  return selected;
}

function gap(kind: string, unit: string, expected: bigint, actual: bigint, at: LocatedEntry): ArchiveError {
  return new ArchiveError(
    'METADATA_GAP',
    `${kind} backup ranges not continuous, expecting ${unit} ${expected}, got ${actual}`,
    {
      hint: 'A backup is missing, was made twice, or its metadata file is unreadable.',
      facts: { handle: at.handle, line: at.line, expected, actual },
    },
  );
}

/**
 * What the next compaction starts from: the newest record of times, with every listed file that it does
 * not name; where there is none, all listed files and `now`, in seconds since 1970.
 */
export function latestCompactionTimestamps(
  view: MetadataView,
  files: readonly FileHandle[],
  now: bigint,
): CompactionTimestampsEntry {
  let newest: CompactionTimestampsEntry | undefined;
  for (const { entry } of view.compactionTimestamps) {
    if (newest === undefined || entry.fileCompactedAt >= newest.fileCompactedAt) newest = entry;
  }
  const times = new Map(newest?.compactionTimestamps);
  for (const handle of files) if (!times.has(handle)) times.set(handle, undefined);
  return {
    kind: 'CompactionTimestamps',
    fileCompactedAt: newest?.fileCompactedAt ?? now,
    compactionTimestamps: times,
  };
}
