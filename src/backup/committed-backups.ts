import type { ArchiveError } from '../archive/archive-error.js';
import { type LoadMetadataOptions, loadMetadata } from '../archive/load-metadata.js';
import type {
  EpochEndingEntry,
  LocatedEntry,
  MetadataEntry,
  StateSnapshotEntry,
  TransactionEntry,
} from '../archive/metadata-entry.js';
import {
  type BackupStorageState,
  backupStorageState,
  buildMetadataView,
  type MetadataView,
} from '../archive/metadata-view.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import type { StorageError } from '../storage/storage-error.js';
import { BackupError } from './backup-error.js';

export type BackupEntry = EpochEndingEntry | StateSnapshotEntry | TransactionEntry;
type RangeKind = 'epochs' | 'versions';

/** What is in the archive by its metadata, kept up to date while backups are added. */
export class CommittedBackups {
  readonly #entries: LocatedEntry[];
  /** Metadata files that cannot be read: what they name is taken as not there. */
  readonly problems: readonly (ArchiveError | StorageError)[];
  /** Metadata files that were listed. */
  readonly fileCount: number;
  /** Those of them that were not in a cache. */
  readonly downloads: number;
  #view: MetadataView;
  readonly #folders: Set<string>;

  private constructor(
    entries: readonly LocatedEntry[],
    problems: readonly (ArchiveError | StorageError)[],
    fileCount: number,
    downloads: number,
  ) {
    this.#entries = [...entries];
    this.fileCount = fileCount;
    this.downloads = downloads;
    this.problems = problems;
    this.#view = buildMetadataView(entries);
    this.#folders = new Set(
      entries.flatMap(({ entry }) => ('manifest' in entry ? folderOf(entry.manifest) : [])),
    );
  }

  /** @throws StorageError when the metadata files cannot be listed */
  static async load(storage: BackupStorage, options: LoadMetadataOptions = {}): Promise<CommittedBackups> {
    const { entries, problems, files, cache } = await loadMetadata(storage, options);
    return new CommittedBackups(entries, problems, files.length, cache.downloads);
  }

  get view(): MetadataView {
    return this.#view;
  }

  get state(): BackupStorageState {
    return backupStorageState(this.#view);
  }

  /** A metadata file that was just written. */
  add(located: LocatedEntry<BackupEntry>): void {
    this.#entries.push(located);
    // Nearly always it comes behind all others; sorting thousands for each new one would add up.
    this.#view = appended(this.#view, located) ?? buildMetadataView(this.#entries);
    this.#folders.add(folderOf(located.entry.manifest));
  }

  /** Whether a metadata entry names a manifest in the folder. */
  isCommitted(folder: string): boolean {
    return this.#folders.has(folder);
  }

  /** The snapshot of the epoch, if it is there. */
  snapshotOf(epoch: bigint): LocatedEntry<StateSnapshotEntry> | undefined {
    return this.#view.stateSnapshots.find(({ entry }) => entry.epoch === epoch);
  }

  /**
   * The entries that together hold all of the range, or none when nothing of it is there.
   * @throws BackupError RANGE_OVERLAPS_BACKUP when a part of it is there
   */
  holdersOf(kind: RangeKind, first: bigint, last: bigint): readonly LocatedEntry<BackupEntry>[] {
    const overlapping =
      kind === 'epochs' ? epochRanges(this.#view, first, last) : versionRanges(this.#view, first, last);
    if (overlapping.length === 0) return [];
    let next = first;
    for (const range of overlapping) if (range.first <= next && range.last >= next) next = range.last + 1n;
    if (next > last) return overlapping.map(({ located }) => located);
    const [{ located, ...held } = { first: 0n, last: 0n, located: undefined }] = overlapping;
    throw new BackupError(
      'RANGE_OVERLAPS_BACKUP',
      `${kind} ${held.first} to ${held.last} are backed up already (${located?.handle}), ` +
        `so ${first} to ${last} cannot be one backup`,
      {
        hint: 'Ask for what is missing only: readers want ranges that follow on one another.',
        facts: { first, last, handle: located?.handle },
      },
    );
  }
}

interface HeldRange {
  readonly first: bigint;
  readonly last: bigint;
  readonly located: LocatedEntry<BackupEntry>;
}

function epochRanges({ epochEndings }: MetadataView, first: bigint, last: bigint): HeldRange[] {
  return epochEndings
    .filter(({ entry }) => entry.firstEpoch <= last && entry.lastEpoch >= first)
    .map((located) => ({ first: located.entry.firstEpoch, last: located.entry.lastEpoch, located }));
}

function versionRanges({ transactions }: MetadataView, first: bigint, last: bigint): HeldRange[] {
  return transactions
    .filter(({ entry }) => entry.firstVersion <= last && entry.lastVersion >= first)
    .map((located) => ({ first: located.entry.firstVersion, last: located.entry.lastVersion, located }));
}

/** The view with an entry that comes behind all others of its kind; undefined for any other entry. */
function appended(view: MetadataView, { entry, handle, line }: LocatedEntry<BackupEntry>) {
  const at = { handle, line, repeated: [] };
  switch (entry.kind) {
    case 'EpochEndingBackup': {
      const last = view.epochEndings.at(-1)?.entry;
      if (last && last.firstEpoch >= entry.firstEpoch) return undefined;
      return { ...view, epochEndings: [...view.epochEndings, { ...at, entry }] };
    }
    case 'StateSnapshotBackup': {
      const last = view.stateSnapshots.at(-1)?.entry;
      if (last && last.epoch >= entry.epoch) return undefined;
      return { ...view, stateSnapshots: [...view.stateSnapshots, { ...at, entry }] };
    }
    case 'TransactionBackup': {
      const last = view.transactions.at(-1)?.entry;
      if (last && last.firstVersion >= entry.firstVersion) return undefined;
      return { ...view, transactions: [...view.transactions, { ...at, entry }] };
    }
  }
}

function folderOf(manifest: string): string {
  return manifest.slice(0, Math.max(0, manifest.lastIndexOf('/')));
}

/** What an entry holds, for people. */
export function describeEntry(entry: MetadataEntry): string {
  switch (entry.kind) {
    case 'EpochEndingBackup':
      return `endings of epochs ${entry.firstEpoch} to ${entry.lastEpoch}`;
    case 'StateSnapshotBackup':
      return `state at version ${entry.version}, the end of epoch ${entry.epoch}`;
    case 'TransactionBackup':
      return `versions ${entry.firstVersion} to ${entry.lastVersion}`;
    default:
      return entry.kind;
  }
}
