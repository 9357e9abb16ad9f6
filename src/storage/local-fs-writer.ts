import path from 'node:path';
import { DurableFsError } from '../durable-fs/durable-fs-error.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { createRoot } from '../durable-fs/node-file-system.js';
import { joinPath } from '../durable-fs/relative-path.js';
import { HOLDFAST_DIRECTORY } from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { leaveNote, listNotes, removeNote } from './backup-notes.js';
import type { FileHandle, StorageOperationOptions } from './backup-storage.js';
import { LocalArchiveWriter } from './local-archive-writer.js';
import { LocalFsStorage } from './local-fs.js';
import { requireShellSafeName } from './shell-safe-name.js';
import { messageOf, StorageError } from './storage-error.js';
import type {
  BackupFileWriter,
  BackupHandle,
  CreateForWriteOptions,
  SavedMetadata,
  SaveMetadataOptions,
  StorageCapabilities,
  StorageWarning,
  WritableBackupStorage,
} from './writable-backup-storage.js';
import { describeRegistration, WriterLock, type WriterLockOptions } from './writer-lock.js';

export const LOCAL_FS_CAPABILITIES: StorageCapabilities = {
  lock: true,
  staging: true,
  attestationSideFiles: true,
  resume: true,
  moveMetadata: true,
};

export interface LocalFsWriterOptions extends Pick<WriterLockOptions, 'leaseMs' | 'now' | 'process'> {
  /** Who writes, for those who are refused meanwhile: the command. */
  readonly owner: string;
  /**
   * `writer` (default) takes the writer lock. `maintenance` works beside a live writer and only adds files
   * that no writer makes.
   */
  readonly role?: 'writer' | 'maintenance';
  readonly onWarning?: ((warning: StorageWarning) => void) | undefined;
  /** Wraps the file system that is written through; for tests that make it fail. */
  readonly wrapFileSystem?: (fileSystem: FileSystem) => FileSystem;
}

/** An archive in a local folder, for reading and for durable writing. `close` gives the lock back. */
export class LocalFsWriterStorage extends LocalFsStorage implements WritableBackupStorage {
  readonly capabilities = LOCAL_FS_CAPABILITIES;
  readonly #fileSystem: FileSystem;
  readonly #lock: WriterLock;
  readonly #writer: LocalArchiveWriter;
  readonly #noted = new Set<string>();

  private constructor(root: string, fileSystem: FileSystem, lock: WriterLock, options: LocalFsWriterOptions) {
    super(root);
    this.#fileSystem = fileSystem;
    this.#lock = lock;
    this.#writer = new LocalArchiveWriter(
      { writerId: lock.id, assertHeld: () => lock.assertHeld(), onWarning: options.onWarning },
      fileSystem,
    );
  }

  /**
   * Makes the folder where it is missing, takes the lock, and reclaims what dead writers left unfinished.
   * @throws StorageError WRITER_LOCKED, WRITER_LOCK_UNREADABLE, STORAGE_UNREACHABLE; DurableFsError
   */
  static async open(root: string, options: LocalFsWriterOptions): Promise<LocalFsWriterStorage> {
    const real = await createRoot(root).catch((cause: unknown) => {
      throw new StorageError('STORAGE_UNREACHABLE', `cannot write to ${root}: ${messageOf(cause)}`, {
        cause,
        hint: 'Check that the folder, or the one that is to hold it, may be written.',
        facts: { path: root },
      });
    });
    const fileSystem = options.wrapFileSystem?.(real) ?? real;
    const take = options.role === 'maintenance' ? WriterLock.join : WriterLock.acquire;
    const lock = await take(fileSystem, {
      ...options,
      onRenewalFailed: (cause) =>
        options.onWarning?.({
          code: 'LEASE_NOT_RENEWED',
          message: `the lease of the writer lock could not be renewed: ${messageOf(cause)}`,
          facts: { path: root },
        }),
    });
    await reclaim(lock, options);
    return new LocalFsWriterStorage(root, fileSystem, lock, options);
  }

  /** @throws StorageError BACKUP_BUSY while a clean-up looks at the folder; DurableFsError */
  async createBackup(name: string, { signal }: StorageOperationOptions = {}): Promise<BackupHandle> {
    signal?.throwIfAborted();
    requireShellSafeName(name);
    await this.#note(name);
    return await this.#writer.createBackup(name);
  }

  async createForWrite(
    backup: BackupHandle,
    fileName: string,
    { signal, dependent }: CreateForWriteOptions = {},
  ): Promise<BackupFileWriter> {
    signal?.throwIfAborted();
    return await this.#writer.createForWrite(backup, fileName, dependent);
  }

  async syncBackup(backup: BackupHandle, { signal }: StorageOperationOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    await this.#writer.syncBackup(backup);
  }

  async adopt(backup: BackupHandle, handle: FileHandle): Promise<void> {
    await this.#writer.adopt(backup, path.posix.normalize(handle));
  }

  async saveMetadataLines(
    name: string,
    lines: readonly string[],
    options: SaveMetadataOptions,
  ): Promise<SavedMetadata> {
    const saved = await this.#writer.saveMetadataLines(name, lines, options);
    for (const backup of options.after ?? []) await this.#removeNote(backup);
    return saved;
  }

  async backupMetadataFile(handle: FileHandle, { signal }: StorageOperationOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    await this.#writer.backupMetadataFile(handle);
  }

  async saveSideFile(
    folder: string,
    name: string,
    content: Uint8Array,
    after: BackupHandle,
  ): Promise<'written' | 'exists'> {
    return await this.#writer.saveSideFile(folder, name, content, after);
  }

  async removeSideFile(folder: string, name: string): Promise<void> {
    try {
      await this.#fileSystem.unlink(joinPath(joinPath(HOLDFAST_DIRECTORY, folder), name));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }

  /** Gives the lock back; what was not committed is reclaimed by the next writer. */
  override async close(): Promise<void> {
    for (const folder of [...this.#noted]) await this.#removeNote(folder);
    await this.#lock.release();
    await super.close();
  }

  async #note(folder: string): Promise<void> {
    await leaveNote(this.#fileSystem, folder, this.#lock.id).catch((cause: unknown) => {
      if (cause instanceof DurableFsError) throw cause;
      const why = 'cannot note that it is being written';
      throw DurableFsError.fromFailedCall('OPEN_FAILED', folder, why, cause);
    });
    this.#noted.add(folder);
    // Only after our own note stands: of two that overlap, at least one sees the other.
    const others = new Map((await this.#lock.othersAlive()).map((other) => [other.id, other]));
    for (const note of await listNotes(this.#fileSystem)) {
      const other = note.folder === folder ? others.get(note.ownerId) : undefined;
      if (other === undefined) continue;
      await this.#removeNote(folder);
      throw new StorageError('BACKUP_BUSY', `${folder} is in use: ${describeRegistration(other)}`, {
        retryable: true,
        hint: 'A clean-up looks at the folder for moments only: try again.',
        facts: { path: folder, holder: describeRegistration(other) },
      });
    }
  }

  async #removeNote(folder: string): Promise<void> {
    this.#noted.delete(folder);
    // A note that stays is removed by the next writer.
    await removeNote(this.#fileSystem, folder, this.#lock.id).catch(() => undefined);
  }
}

/** Garbage that cannot be removed is no reason not to back up. */
async function reclaim(lock: WriterLock, { onWarning }: LocalFsWriterOptions): Promise<void> {
  try {
    await lock.reclaimDead();
  } catch (cause) {
    onWarning?.({
      code: 'STAGING_NOT_RECLAIMED',
      message: `what earlier writers left unfinished could not be removed: ${messageOf(cause)}`,
      facts: { systemCode: (cause as { code?: unknown }).code },
    });
  }
}
