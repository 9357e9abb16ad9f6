import { type LoadedMetadata, loadMetadata } from '../archive/load-metadata.js';
import type { MetadataEntry } from '../archive/metadata-entry.js';
import { buildMetadataView, type MetadataView } from '../archive/metadata-view.js';
import { type MetadataFileName, parseMetadataFileName } from '../archive/names.js';
import { findRangeFaults, type RangeFault, type RangeOf } from '../archive/range-faults.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { VerifyContext } from './context.js';
import type { Finding } from './finding.js';
import { findingOf } from './findings.js';

/** All metadata of an archive, and how many files it was. */
export interface VerifiedMetadata {
  readonly view: MetadataView;
  readonly files: number;
}

/**
 * Reads all metadata; whatever is wrong with one file is a finding and hides no other.
 * @throws StorageError when the metadata files cannot be listed at all
 */
export async function verifyMetadata(
  context: VerifyContext,
  cacheDir: string | undefined,
): Promise<VerifiedMetadata> {
  const { storage, concurrency, signal, findings, progress } = context;
  const loaded = await loadMetadata(storage, {
    cacheDir,
    concurrency,
    signal,
    onProgress: ({ filesDone, filesTotal }) =>
      progress({ stage: 'metadata', done: filesDone, total: filesTotal, unit: 'files' }),
  });
  for (const problem of loaded.problems) {
    findings.add(findingOf(problem, { file: String(problem.facts['handle']) }));
  }
  compareNames(context, loaded);
  const view = buildMetadataView(loaded.entries);
  if (view.epochEndings.length + view.stateSnapshots.length + view.transactions.length === 0) {
    findings.add({
      code: 'ARCHIVE_EMPTY',
      message: 'no readable metadata entry names a backup',
      hint: 'If there should be backups, check the path and the access rights of the storage.',
    });
  }
  return { view, files: loaded.files.length };
}

/** Readers must go by the content alone; but a writer always names a file after what it holds. */
function compareNames({ findings }: VerifyContext, { entries, problems }: LoadedMetadata): void {
  const damaged = new Set(problems.map((problem) => problem.facts['handle']));
  const byFile = new Map<FileHandle, MetadataEntry[]>();
  for (const { handle, entry } of entries) {
    const ofFile = byFile.get(handle);
    if (ofFile) ofFile.push(entry);
    else byFile.set(handle, [entry]);
  }
  for (const [handle, ofFile] of byFile) {
    const name = parseMetadataFileName(handle);
    if (!name || damaged.has(handle)) continue;
    const expected = nameText(name);
    const actual = contentText(ofFile, name.kind === 'stateSnapshots');
    if (expected === actual) continue;
    findings.add({
      code: 'METADATA_NAME_DISAGREES',
      message: `the file holds ${actual}, its name says ${expected}`,
      file: handle,
      expected,
      actual,
      hint: 'Entries are missing or altered.',
    });
  }
}

function nameText(name: MetadataFileName): string {
  switch (name.kind) {
    case 'epochEnding':
      return `endings of epochs ${name.first} to ${name.last}`;
    case 'transaction':
      return `versions ${name.first} to ${name.last}`;
    case 'stateSnapshot':
      return `a state snapshot of version ${name.version}`;
    case 'stateSnapshots':
      return `state snapshots of epochs ${name.firstEpoch} to ${name.lastEpoch}`;
    case 'identity':
      return 'an identity';
    case 'compactionTimestamps':
      return `compaction timestamps of ${name.fileCompactedAt}`;
  }
}

function contentText(entries: readonly MetadataEntry[], snapshotsByEpoch: boolean): string {
  const first = entries[0];
  const last = entries.at(-1);
  if (!first || !last || entries.some(({ kind }) => kind !== first.kind)) return 'entries of several kinds';
  if (first.kind === 'EpochEndingBackup' && last.kind === 'EpochEndingBackup') {
    return `endings of epochs ${first.firstEpoch} to ${last.lastEpoch}`;
  }
  if (first.kind === 'TransactionBackup' && last.kind === 'TransactionBackup') {
    return `versions ${first.firstVersion} to ${last.lastVersion}`;
  }
  if (first.kind === 'StateSnapshotBackup' && last.kind === 'StateSnapshotBackup') {
    if (snapshotsByEpoch) return `state snapshots of epochs ${first.epoch} to ${last.epoch}`;
    return `${entries.length === 1 ? 'a state snapshot' : 'state snapshots'} of version ${first.version}`;
  }
  if (first.kind === 'CompactionTimestamps') return `compaction timestamps of ${first.fileCompactedAt}`;
  return 'an identity';
}

/**
 * Gaps, overlaps and doubled ranges among the backups of one kind; what ends before `from` or begins
 * after `to` is not looked at.
 */
export function findRowFaults(
  { findings }: VerifyContext,
  unit: 'epochs' | 'versions',
  ranges: readonly RangeOf<FileHandle>[],
  from: bigint,
  to: bigint,
): void {
  const wanted = ranges.filter(({ first, last }) => first <= to && last >= from);
  for (const fault of findRangeFaults(wanted, from)) {
    const span = [fault.first, fault.last] as const;
    const range = unit === 'epochs' ? { epochs: span } : { versions: span };
    findings.add({ ...faultFinding(fault, unit), ...range });
  }
}

function faultFinding(fault: RangeFault<FileHandle>, unit: 'epochs' | 'versions'): Finding {
  const { first, last } = fault;
  switch (fault.kind) {
    case 'gap': {
      const file = unit === 'epochs' ? 'epoch_ending' : 'transaction';
      return {
        code: unit === 'epochs' ? 'EPOCH_GAP' : 'TRANSACTION_GAP',
        message: `no backup holds ${unit} ${first} to ${last}`,
        hint: `Look for metadata/${file}_${first}-${last}.meta in a copy, or back these ${unit} up again.`,
      };
    }
    case 'inverted':
      return {
        code: 'METADATA_MANIFEST_DISAGREE',
        message: `the entry's ${unit} ${first} to ${last} end before they begin`,
        file: fault.item,
      };
    case 'overlap':
    case 'duplicate':
      return {
        code: 'RANGE_OVERLAP',
        message: `two backups hold ${unit} ${first} to ${last}`,
        file: fault.later,
        otherFiles: [fault.earlier],
        hint: 'Move one of the two metadata files away after both backups have been verified.',
      };
  }
}
