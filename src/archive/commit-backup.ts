import type { FileHandle } from '../storage/backup-storage.js';
import type {
  BackupHandle,
  SavedMetadata,
  WritableBackupStorage,
  WrittenFile,
} from '../storage/writable-backup-storage.js';
import {
  ATTESTATION_FOLDER,
  attestationFileName,
  serializeAttestationFile,
} from './attestation-side-file.js';
import { attestationExtras, type FileAttestation } from './attestation.js';
import {
  type EpochEndingEntry,
  type MetadataEntry,
  parseMetadataFile,
  serializeMetadataEntry,
  type StateSnapshotEntry,
  type TransactionEntry,
} from './metadata-entry.js';
import { METADATA_FOLDER, type MetadataFileName, metadataFileName } from './names.js';

/** The entry of one backup, before the manifest is written that it will name. */
export type BackupEntry =
  | Omit<EpochEndingEntry, 'manifest' | 'extras'>
  | Omit<StateSnapshotEntry, 'manifest' | 'extras'>
  | Omit<TransactionEntry, 'manifest' | 'extras'>;

/** What makes a backup exist, once all of its files are committed. */
export interface BackupToCommit {
  readonly backup: BackupHandle;
  /** Such as `transaction.manifest`. */
  readonly manifestName: string;
  /** As the `serialize...Manifest` functions give it, with the attestations of its files as extras. */
  readonly manifest: string;
  readonly metadataName: MetadataFileName;
  readonly entry: BackupEntry;
}

/** What a manifest's extras need of a file that was written. */
export function attestationOf({ size, sha256 }: WrittenFile): FileAttestation {
  return { size: BigInt(size), sha256 };
}

/**
 * Writes the manifest, its side file and the metadata entry, each durable before the next. When this
 * resolves, the backup exists and survives a power cut, as far as the storage's capabilities go.
 * @throws StorageError, DurableFsError; then the backup does not exist, or (METADATA_CONFLICT) is not listed
 */
export async function commitBackup(
  storage: WritableBackupStorage,
  { backup, manifestName, manifest, metadataName, entry }: BackupToCommit,
  signal?: AbortSignal,
): Promise<SavedMetadata> {
  const file = await storage.createForWrite(backup, manifestName, { dependent: true, signal });
  const written = await writeWhole(file, Buffer.from(manifest));
  const attestation = attestationOf(written);
  const name = metadataFileName(metadataName);
  await storage.saveSideFile?.(
    ATTESTATION_FOLDER,
    attestationFileName(written.handle),
    serializeAttestationFile({
      manifest: written.handle,
      attestation,
      entry: `${METADATA_FOLDER}/${name}`,
      files: new Map(),
    }),
    backup,
  );
  const extras = attestationExtras({ manifest: attestation });
  return await saveMetadata(storage, metadataName, [{ ...entry, manifest: written.handle, extras }], {
    after: [backup],
    signal,
  });
}

/** Publishes a metadata file of these entries. */
export async function saveMetadata(
  storage: WritableBackupStorage,
  metadataName: MetadataFileName,
  entries: readonly MetadataEntry[],
  options: { readonly after: readonly BackupHandle[]; readonly signal?: AbortSignal | undefined },
): Promise<SavedMetadata> {
  const name = metadataFileName(metadataName);
  return await storage.saveMetadataLines(name, entries.map(serializeMetadataEntry), {
    ...options,
    isReadable: (content) => parseMetadataFile(content, name).problem === undefined,
  });
}

/** Writes one small file whole. */
export async function writeFile(
  storage: WritableBackupStorage,
  backup: BackupHandle,
  fileName: string,
  content: Uint8Array,
  signal?: AbortSignal,
): Promise<WrittenFile & { readonly handle: FileHandle }> {
  return await writeWhole(await storage.createForWrite(backup, fileName, { signal }), content);
}

async function writeWhole(
  file: Awaited<ReturnType<WritableBackupStorage['createForWrite']>>,
  content: Uint8Array,
): Promise<WrittenFile> {
  try {
    await file.write(content);
    return await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}
