import assert from 'node:assert/strict';
import type { DurableFile } from '../durable-fs/durable-file.js';
import { DurableFsError } from '../durable-fs/durable-fs-error.js';
import { DurableWriter } from '../durable-fs/durable-writer.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { moveFile } from '../durable-fs/move-file.js';
import { joinPath } from '../durable-fs/relative-path.js';
import { HOLDFAST_DIRECTORY } from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import type { FileHandle } from './backup-storage.js';
import { metadataContent, unpackedMetadata } from './metadata-content.js';
import { requireShellSafeName } from './shell-safe-name.js';
import { StorageError } from './storage-error.js';
import type {
  BackupFileWriter,
  BackupHandle,
  SavedMetadata,
  SaveMetadataOptions,
  StorageWarning,
  WrittenFile,
} from './writable-backup-storage.js';

/** Folders of an archive (spec: backup-format.md, section 15). */
export const METADATA_FOLDER = 'metadata';
export const METADATA_BACKUP_FOLDER = 'metadata_backup';

export interface LocalArchiveWriterOptions {
  /** Unique among all writers of the archive, ever: a UUID. */
  readonly writerId: string;
  /** Rejects when nothing may be committed any more; asked before each commit. */
  readonly assertHeld?: () => Promise<void>;
  readonly onWarning?: ((warning: StorageWarning) => void) | undefined;
}

/**
 * Commits backups to an archive on a file system, in the order that keeps D1 to D4 and D8 (see
 * docs/durability.md). Each backup has a durable writer of its own, so that a failed directory sync ends one
 * backup and no other.
 */
export class LocalArchiveWriter {
  readonly #fileSystem: FileSystem;
  readonly #options: LocalArchiveWriterOptions;
  /** Kept for as long as something of the backup may not be durable: then metadata must not name it. */
  readonly #backups = new Map<BackupHandle, DurableWriter>();
  #writers = 0;

  constructor(options: LocalArchiveWriterOptions, fileSystem: FileSystem) {
    this.#options = options;
    this.#fileSystem = fileSystem;
  }

  /** Makes the folder, or uses the one that is there. */
  async createBackup(name: string): Promise<BackupHandle> {
    requireShellSafeName(name);
    await this.#assertHeld();
    await this.#backup(name).ensureDirectory(name);
    return name;
  }

  /** @throws StorageError, DurableFsError (`NAME_EXISTS` for a taken name) */
  async createForWrite(backup: BackupHandle, fileName: string, dependent = false): Promise<BackupFileWriter> {
    requireShellSafeName(backup);
    requireShellSafeName(fileName);
    await this.#assertHeld();
    const writer = this.#backup(backup);
    const file = dependent
      ? await writer.openDependentFile(backup, fileName)
      : await writer.openDurableFile(backup, fileName);
    return new LocalFileWriter(`${backup}/${fileName}`, file, () => this.#assertHeld());
  }

  /** Resolves when all that was committed to the backup survives a power cut. */
  async syncBackup(backup: BackupHandle): Promise<void> {
    await this.#backups.get(backup)?.barrier();
  }

  /** Takes over a whole file that was found, whose content the caller has checked (D7). */
  async adopt(backup: BackupHandle, handle: FileHandle): Promise<void> {
    await this.#backup(backup).adopt(handle);
  }

  async saveMetadataLines(
    name: string,
    lines: readonly string[],
    { after, isReadable, signal }: SaveMetadataOptions,
  ): Promise<SavedMetadata> {
    requireShellSafeName(name);
    const content = metadataContent(lines);
    assert.ok(isReadable(content), 'metadata that is written must be readable');
    for (const backup of after ?? this.#backups.keys()) await this.syncBackup(backup);
    signal?.throwIfAborted();
    await this.#assertHeld();
    const handle = joinPath(METADATA_FOLDER, name);
    const found = await this.#judgeExisting(handle, content, isReadable);
    // Moving happens once: what then has the name was written by somebody who is alive.
    const movedAside = found === 'unusable' ? await this.#moveAside(handle) : undefined;
    const outcome = found === 'same' ? 'unchanged' : await this.#publish(name, handle, content, isReadable);
    if (outcome === 'unchanged') await this.#makeDurable(handle);
    for (const backup of after ?? []) this.#backups.delete(backup);
    return { handle, outcome, ...(movedAside === undefined ? {} : { movedAside }) };
  }

  /** Moves a metadata file to the folder that nobody lists, and resolves to its new path. */
  async backupMetadataFile(handle: FileHandle): Promise<string> {
    const name = handle.slice(METADATA_FOLDER.length + 1);
    if (handle !== `${METADATA_FOLDER}/${name}` || name === '' || name.includes('/')) {
      throw new StorageError('FILE_HANDLE_ILLEGAL', `${handle} is no metadata file`, { facts: { handle } });
    }
    await this.#assertHeld();
    const writer = this.#newWriter();
    await writer.ensureDirectory(METADATA_BACKUP_FOLDER);
    await writer.barrier();
    for (let copy = 0; ; copy++) {
      const target = joinPath(METADATA_BACKUP_FOLDER, copy === 0 ? name : `${name}.${copy}`);
      try {
        await moveFile(this.#fileSystem, handle, target);
        return target;
      } catch (error) {
        // An earlier file of the same name was moved away: that one stays, too.
        if (!hasCode(error, 'NAME_EXISTS')) throw error;
      }
    }
  }

  /** Publishes a file of our own, unless its name is taken; durable with the backup's next barrier. */
  async saveSideFile(
    folder: string,
    name: string,
    content: Uint8Array,
    after: BackupHandle,
  ): Promise<'written' | 'exists'> {
    await this.#assertHeld();
    const directory = joinPath(HOLDFAST_DIRECTORY, folder);
    const writer = this.#backup(after);
    try {
      const file = await writer.openDurableFile(directory, name);
      await file.write(content);
      await file.publish();
      return 'written';
    } catch (error) {
      if (!hasCode(error, 'NAME_EXISTS')) throw error;
      await writer.adopt(joinPath(directory, name));
      return 'exists';
    }
  }

  /** What stands under the name: nothing, the very content, something damaged; anything else is refused. */
  async #judgeExisting(
    handle: FileHandle,
    content: Uint8Array,
    isReadable: (content: Uint8Array) => boolean,
  ): Promise<'none' | 'same' | 'unusable'> {
    let stored: Uint8Array;
    try {
      stored = await this.#fileSystem.readFile(handle);
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return 'none';
      throw new StorageError('FILE_UNREADABLE', `${handle} exists and cannot be read`, {
        cause,
        hint: 'Check what has this name, its permissions and the disk; then run the command again.',
        facts: { handle },
      });
    }
    const found = unpackedMetadata(stored);
    if (found !== undefined && Buffer.compare(found, content) === 0) return 'same';
    if (found === undefined || found.length === 0 || !isReadable(found)) return 'unusable';
    throw new StorageError('METADATA_CONFLICT', `${handle} exists and names another backup`, {
      hint:
        'The range is backed up already; the new backup is complete, but not listed. To list it instead, ' +
        `verify it, and move ${handle} to ${METADATA_BACKUP_FOLDER}/.`,
      facts: { handle },
    });
  }

  async #moveAside(handle: FileHandle): Promise<string> {
    const movedTo = await this.backupMetadataFile(handle);
    this.#options.onWarning?.({
      code: 'METADATA_MOVED_ASIDE',
      message:
        `${handle} was empty or damaged, as a power cut leaves files of writers that do not sync; it was ` +
        `moved to ${movedTo}. The backup that it named may be whole and unlisted.`,
      facts: { handle, movedTo },
    });
    return movedTo;
  }

  async #publish(
    name: string,
    handle: FileHandle,
    content: Uint8Array,
    isReadable: (content: Uint8Array) => boolean,
  ): Promise<'written' | 'unchanged'> {
    try {
      const file = await this.#newWriter().openDurableFile(METADATA_FOLDER, name);
      await file.write(content);
      await file.commit();
      return 'written';
    } catch (error) {
      if (!hasCode(error, 'NAME_EXISTS')) throw error;
      // Somebody who holds no lock was faster; the same bytes are as good as ours.
      if ((await this.#judgeExisting(handle, content, isReadable)) === 'same') return 'unchanged';
      throw error;
    }
  }

  /** A file that is there need not be durable: its writer may have been killed, or never syncs. */
  async #makeDurable(path: string): Promise<void> {
    const writer = this.#newWriter();
    await writer.adopt(path);
    await writer.barrier();
  }

  #backup(handle: BackupHandle): DurableWriter {
    let writer = this.#backups.get(handle);
    if (writer === undefined) {
      writer = this.#newWriter();
      this.#backups.set(handle, writer);
    }
    return writer;
  }

  #newWriter(): DurableWriter {
    this.#writers++;
    return new DurableWriter({ writerId: `${this.#options.writerId}-${this.#writers}` }, this.#fileSystem);
  }

  async #assertHeld(): Promise<void> {
    await this.#options.assertHeld?.();
  }
}

class LocalFileWriter implements BackupFileWriter {
  readonly handle: FileHandle;
  readonly #file: DurableFile;
  readonly #assertHeld: () => Promise<void>;

  constructor(handle: FileHandle, file: DurableFile, assertHeld: () => Promise<void>) {
    this.handle = handle;
    this.#file = file;
    this.#assertHeld = assertHeld;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#file.write(bytes);
  }

  async commit(): Promise<WrittenFile> {
    await this.#assertHeld().catch(async (error: unknown) => {
      await this.#file.discard();
      throw error;
    });
    const { size, sha256 } = await this.#file.publish();
    return { handle: this.handle, size, sha256 };
  }

  async discard(): Promise<void> {
    await this.#file.discard();
  }
}

function hasCode(error: unknown, code: DurableFsError['code']): boolean {
  return error instanceof DurableFsError && error.code === code;
}
