import { ArchiveError } from '../archive/archive-error.js';
import {
  loadEpochEndingManifest,
  loadStateSnapshotManifest,
  loadTransactionManifest,
} from '../archive/load-manifest.js';
import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { StorageError } from '../storage/storage-error.js';
import type { FoundFolder } from '../storage/local-maintenance.js';

/** A cut or altered gzip holds no manifest, and what is gone neither. */
const NOT_WHOLE: ReadonlySet<string> = new Set(['GZIP_DAMAGED', 'FILE_MISSING']);
const LOADERS = [loadEpochEndingManifest, loadStateSnapshotManifest, loadTransactionManifest] as const;

/**
 * Whether one of a folder's files named `*.manifest` is a whole manifest, of whatever kind its name says.
 * @throws StorageError when one cannot be read: then nobody knows
 */
export async function holdsWholeManifest(
  storage: BackupStorage,
  { files }: FoundFolder,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (const { path } of files) {
    if (path.endsWith('.manifest') && (await isWholeManifest(storage, path, signal))) return true;
  }
  return false;
}

async function isWholeManifest(
  storage: BackupStorage,
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (const load of LOADERS) {
    try {
      await load(storage, handle, { signal });
      return true;
    } catch (error) {
      const isDamaged =
        error instanceof ArchiveError || (error instanceof StorageError && NOT_WHOLE.has(error.code));
      if (!isDamaged) throw error;
    }
  }
  return false;
}
