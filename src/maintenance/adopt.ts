import type { FileAttestation } from '../archive/attestation.js';
import {
  ATTESTATION_FOLDER,
  attestationFileName,
  loadAttestationFile,
  serializeAttestationFile,
} from '../archive/attestation-side-file.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { StorageError } from '../storage/storage-error.js';
import type { WritableBackupStorage } from '../storage/writable-backup-storage.js';
import type { FileDigest } from '../verify/attestations.js';
import type { VerifyReport } from '../verify/report.js';
import { type VerifyOptions, verifyArchive } from '../verify/verify-archive.js';

/** What adopting did. */
export interface AdoptReport {
  readonly verification: VerifyReport;
  /** Manifests that got a side file. */
  readonly adopted: number;
  /** Manifests that had one. */
  readonly alreadyAdopted: number;
  /** Files that are attested now and were not before, manifests included. */
  readonly filesAttested: number;
}

/** The options of verifying; all versions and all snapshots are read in any case. */
export interface AdoptOptions
  extends Omit<VerifyOptions, 'storage' | 'allStateSnapshots' | 'onDigest' | 'startVersion' | 'endVersion'> {
  readonly storage: WritableBackupStorage;
}

/** A manifest and the files that it names, as they were read. */
interface AdoptableBackup {
  manifest: FileDigest | undefined;
  readonly unattested: Map<FileHandle, FileAttestation>;
}

/** What the work is called towards the storage: one group of files with barriers of its own. */
const WORK = 'adopt';

/**
 * Records size and digest of every file of an archive that has none, beside the archive, after all of it was
 * proven. What was there before stays as it is, byte for byte; it is made durable, since its writer may
 * never have done so. Stopped at any moment it can be started again.
 * @throws StorageError OPERATION_UNSUPPORTED where the storage has no place for it; what verifying throws
 */
export async function adoptArchive({ storage, ...options }: AdoptOptions): Promise<AdoptReport> {
  if (!storage.capabilities.attestationSideFiles || storage.saveSideFile === undefined) {
    throw new StorageError(
      'OPERATION_UNSUPPORTED',
      `${storage.description} has no place for files of this program's own`,
      { hint: 'Adopt the archive where it is a local folder.', facts: { operation: 'adopt' } },
    );
  }
  // Grows with the number of files, by some hundred bytes each: a second reading would cost hours.
  const backups = new Map<FileHandle, AdoptableBackup>();
  const onDigest = (digest: FileDigest): void => {
    const backup = backups.get(digest.manifest) ?? { manifest: undefined, unattested: new Map() };
    backups.set(digest.manifest, backup);
    if (digest.file === digest.manifest) backup.manifest = digest;
    else if (!digest.attested) backup.unattested.set(digest.file, digest.attestation);
  };
  const verification = await verifyArchive({ ...options, storage, allStateSnapshots: true, onDigest });
  const report = { verification, adopted: 0, alreadyAdopted: 0, filesAttested: 0 };
  if (verification.outcome !== 'proven') return report;
  for (const [handle, { manifest, unattested }] of backups) {
    options.signal?.throwIfAborted();
    if (manifest === undefined) continue;
    if ((await loadAttestationFile(storage, handle, options)) !== undefined) {
      report.alreadyAdopted++;
      continue;
    }
    for (const file of [...unattested.keys(), handle]) await storage.adopt?.(WORK, file);
    const side = { manifest: handle, attestation: manifest.attestation, files: unattested };
    const content = serializeAttestationFile(side);
    // The backup is durable before anything says that it is whole.
    await storage.syncBackup(WORK);
    await storage.saveSideFile(ATTESTATION_FOLDER, attestationFileName(handle), content, WORK);
    report.adopted++;
    report.filesAttested += unattested.size + (manifest.attested ? 0 : 1);
  }
  for (const handle of await storage.listMetadataFiles(options)) await storage.adopt?.(WORK, handle);
  await storage.syncBackup(WORK);
  return report;
}
