import type { FileHandle } from '../storage/backup-storage.js';
import type { BackupHandle, WritableBackupStorage } from '../storage/writable-backup-storage.js';

/** A storage in which an interrupted backup can be found and gone on with. */
export interface ResumableStorage extends WritableBackupStorage {
  /** Takes over a whole file whose content was checked: durable after the backup's next barrier. */
  adopt(backup: BackupHandle, handle: FileHandle): Promise<void>;
}

/** The storage itself where it can do that. */
export function asResumable(storage: WritableBackupStorage): ResumableStorage | undefined {
  return storage.capabilities.resume && 'adopt' in storage ? (storage as ResumableStorage) : undefined;
}
