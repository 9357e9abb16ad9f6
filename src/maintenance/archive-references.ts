import { ArchiveError } from '../archive/archive-error.js';
import {
  loadEpochEndingManifest,
  loadStateSnapshotManifest,
  loadTransactionManifest,
} from '../archive/load-manifest.js';
import { loadMetadata } from '../archive/load-metadata.js';
import { METADATA_BYTES_MAX } from '../archive/limits.js';
import { type MetadataEntry, parseMetadataFile } from '../archive/metadata-entry.js';
import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { readWholeFile } from '../storage/read-file.js';
import { StorageError } from '../storage/storage-error.js';

/** A file that cannot be read, so that nobody knows what it refers to. */
export interface BlockedCleanup {
  readonly file: FileHandle;
  readonly code: string;
  readonly message: string;
}

/** What an archive needs. */
export interface ArchiveReferences {
  /** All listed metadata files, sorted. */
  readonly metadataFiles: readonly FileHandle[];
  /** The folders of all manifests that metadata names, and of all files that listed manifests name. */
  readonly folders: ReadonlySet<string>;
  readonly blocked: readonly BlockedCleanup[];
}

/**
 * Reads all metadata, the moved-away files included as far as they can be read, and all listed manifests.
 * @throws StorageError when the metadata cannot be listed; the signal's reason
 */
export async function loadArchiveReferences(
  storage: BackupStorage,
  movedMetadata: readonly FileHandle[],
  signal: AbortSignal | undefined,
): Promise<ArchiveReferences> {
  const loaded = await loadMetadata(storage, { signal });
  const blocked: BlockedCleanup[] = loaded.problems.map(({ code, message, facts }) => ({
    file: String(facts['handle']),
    code,
    message,
  }));
  const folders = new Set<string>();
  const seen = new Set<FileHandle>();
  for (const { entry } of loaded.entries) {
    if (!('manifest' in entry) || seen.has(entry.manifest)) continue;
    seen.add(entry.manifest);
    folders.add(folderOf(entry.manifest));
    try {
      for (const file of await filesOf(storage, entry, signal)) folders.add(folderOf(file));
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ArchiveError || error instanceof StorageError)) throw error;
      blocked.push({ file: entry.manifest, code: error.code, message: error.message });
    }
  }
  for (const handle of movedMetadata) {
    for (const entry of await entriesOf(storage, handle, signal)) {
      if ('manifest' in entry) folders.add(folderOf(entry.manifest));
    }
  }
  return { metadataFiles: loaded.files, folders, blocked };
}

async function filesOf(
  storage: BackupStorage,
  entry: Extract<MetadataEntry, { readonly manifest: FileHandle }>,
  signal: AbortSignal | undefined,
): Promise<FileHandle[]> {
  switch (entry.kind) {
    case 'EpochEndingBackup': {
      const { chunks } = await loadEpochEndingManifest(storage, entry.manifest, { signal });
      return chunks.map(({ ledgerInfos }) => ledgerInfos);
    }
    case 'StateSnapshotBackup': {
      const { chunks, proof } = await loadStateSnapshotManifest(storage, entry.manifest, { signal });
      return [...chunks.flatMap((chunk) => [chunk.blobs, chunk.proof]), proof];
    }
    case 'TransactionBackup': {
      const { chunks } = await loadTransactionManifest(storage, entry.manifest, { signal });
      return chunks.flatMap((chunk) => [chunk.transactions, chunk.proof]);
    }
  }
}

/** What was moved away because it was damaged names nothing; what compaction moved still may. */
async function entriesOf(
  storage: BackupStorage,
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<MetadataEntry[]> {
  try {
    const bytes = await readWholeFile(storage, handle, { bytesMax: METADATA_BYTES_MAX, signal });
    return parseMetadataFile(bytes, handle).entries.map(({ entry }) => entry);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof StorageError)) throw error;
    return [];
  }
}

/** The first segment of a handle that means one. */
function folderOf(handle: FileHandle): string {
  return handle.split('/').find((segment) => segment !== '' && segment !== '.') ?? '';
}
