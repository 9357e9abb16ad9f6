import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import type { ReadOptions } from '../storage/decompress.js';
import { readWholeFile } from '../storage/read-file.js';
import { ArchiveError } from './archive-error.js';
import { type EpochEndingManifest, parseEpochEndingManifest } from './epoch-ending-manifest.js';
import { JsonError } from './json-error.js';
import { MANIFEST_BYTES_MAX } from './limits.js';
import { parseStateSnapshotManifest, type StateSnapshotManifest } from './state-snapshot-manifest.js';
import { parseTransactionManifest, type TransactionManifest } from './transaction-manifest.js';

export type LoadManifestOptions = Pick<ReadOptions, 'signal' | 'onContent'>;

/**
 * Reads and parses the manifest of an epoch-ending backup, unpacked where it is gzip. What it says is not
 * judged: `verifyArchive` does that.
 * @throws ArchiveError MANIFEST_UNREADABLE; StorageError
 */
export function loadEpochEndingManifest(
  storage: BackupStorage,
  handle: FileHandle,
  options: LoadManifestOptions = {},
): Promise<EpochEndingManifest> {
  return loadManifest(storage, handle, parseEpochEndingManifest, options);
}

/**
 * The same for a state snapshot.
 * @throws ArchiveError MANIFEST_UNREADABLE; StorageError
 */
export function loadStateSnapshotManifest(
  storage: BackupStorage,
  handle: FileHandle,
  options: LoadManifestOptions = {},
): Promise<StateSnapshotManifest> {
  return loadManifest(storage, handle, parseStateSnapshotManifest, options);
}

/**
 * The same for transactions.
 * @throws ArchiveError MANIFEST_UNREADABLE; StorageError
 */
export function loadTransactionManifest(
  storage: BackupStorage,
  handle: FileHandle,
  options: LoadManifestOptions = {},
): Promise<TransactionManifest> {
  return loadManifest(storage, handle, parseTransactionManifest, options);
}

async function loadManifest<Manifest>(
  storage: BackupStorage,
  handle: FileHandle,
  parse: (bytes: Uint8Array) => Manifest,
  { signal, onContent }: LoadManifestOptions,
): Promise<Manifest> {
  const bytes = await readWholeFile(storage, handle, { bytesMax: MANIFEST_BYTES_MAX, signal, onContent });
  try {
    return parse(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const what = bytes.length === 0 ? 'it is empty' : error.message;
    throw new ArchiveError('MANIFEST_UNREADABLE', `${handle} is no manifest: ${what}`, {
      cause: error,
      hint: 'Restore the file from a copy, or back the range up again.',
      facts: { handle, byteOffset: error.offset, path: error.path },
    });
  }
}
