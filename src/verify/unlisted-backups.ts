import { ArchiveError } from '../archive/archive-error.js';
import {
  loadEpochEndingManifest,
  loadStateSnapshotManifest,
  loadTransactionManifest,
} from '../archive/load-manifest.js';
import type { MetadataView } from '../archive/metadata-view.js';
import {
  EPOCH_ENDING_MANIFEST_NAME,
  METADATA_FOLDER,
  type MetadataFileName,
  metadataFileName,
  STATE_SNAPSHOT_MANIFEST_NAME,
  TRANSACTION_MANIFEST_NAME,
} from '../archive/names.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { StorageError } from '../storage/storage-error.js';
import type { VerifyContext } from './context.js';

/** A writer needs moments between the manifest and its metadata entry; an older manifest was forgotten. */
const GRACE_MS = 60 * 60 * 1000;

/**
 * Finds whole manifests that no metadata entry names although no other backup of the same range is
 * listed: what a lost or empty metadata file leaves behind. Only a storage that can list its folders
 * tells. A second try at a backup that is listed is nothing to report.
 */
export async function findUnlistedBackups(context: VerifyContext, view: MetadataView): Promise<void> {
  const { storage, signal, findings } = context;
  const folders = await storage.listBackups?.({ signal });
  if (!folders) return;
  const listed = new Set<FileHandle>(
    [...view.epochEndings, ...view.stateSnapshots, ...view.transactions].map(({ entry }) => entry.manifest),
  );
  const youngestMs = Date.now() - GRACE_MS;
  for (const { handle, mtimeMs } of folders.flatMap(({ manifests }) => manifests)) {
    if (listed.has(handle) || mtimeMs > youngestMs) continue;
    const range = await unlistedRange(context, view, handle);
    if (!range) continue;
    findings.add({
      code: 'UNLISTED_BACKUP',
      message: `a backup of ${range.what} is there, but no metadata entry names it`,
      file: handle,
      otherFiles: [`${METADATA_FOLDER}/${metadataFileName(range.metadata)}`],
      hint: 'Verify it by itself and make its metadata entry anew from the manifest.',
    });
  }
}

interface UnlistedRange {
  readonly what: string;
  /** How a writer would have named the metadata file that is missing. */
  readonly metadata: MetadataFileName;
}

/** What the manifest is of, unless the same range is listed or the manifest is not whole. */
async function unlistedRange(
  { storage, signal }: VerifyContext,
  view: MetadataView,
  handle: FileHandle,
): Promise<UnlistedRange | undefined> {
  try {
    if (handle.endsWith(`/${EPOCH_ENDING_MANIFEST_NAME}`)) {
      const { firstEpoch: first, lastEpoch: last } = await loadEpochEndingManifest(storage, handle, {
        signal,
      });
      if (view.epochEndings.some(({ entry }) => entry.firstEpoch <= first && entry.lastEpoch >= last)) return;
      const metadata = { kind: 'epochEnding', compacted: false, first, last } as const;
      return { what: `the endings of epochs ${first} to ${last}`, metadata };
    }
    if (handle.endsWith(`/${STATE_SNAPSHOT_MANIFEST_NAME}`)) {
      const { version } = await loadStateSnapshotManifest(storage, handle, { signal });
      if (view.stateSnapshots.some(({ entry }) => entry.version === version)) return;
      return { what: `the state at version ${version}`, metadata: { kind: 'stateSnapshot', version } };
    }
    if (handle.endsWith(`/${TRANSACTION_MANIFEST_NAME}`)) {
      const { firstVersion: first, lastVersion: last } = await loadTransactionManifest(storage, handle, {
        signal,
      });
      if (view.transactions.some(({ entry }) => entry.firstVersion <= first && entry.lastVersion >= last))
        return;
      const metadata = { kind: 'transaction', compacted: false, first, last } as const;
      return { what: `versions ${first} to ${last}`, metadata };
    }
  } catch (error) {
    // A manifest that is not whole belongs to a backup that was never finished.
    if (!(error instanceof ArchiveError || error instanceof StorageError)) throw error;
  }
  return undefined;
}
