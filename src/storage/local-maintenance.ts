import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { FileSystem } from '../durable-fs/file-system.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { joinPath, ROOT } from '../durable-fs/relative-path.js';
import { HOLDFAST_DIRECTORY, STAGING_DIRECTORY } from '../durable-fs/staging-area.js';
import { leaveNote, listNotes, removeNote } from './backup-notes.js';
import { METADATA_BACKUP_FOLDER, METADATA_FOLDER } from './local-archive-writer.js';
import { ownProcessIdentity } from './process-identity.js';
import { messageOf, StorageError, systemCode } from './storage-error.js';
import { WriterLock } from './writer-lock.js';
import { isAlive, listRegistrations, ownerIdOf, type Registration } from './writer-registry.js';

/** A file as clean-up sees it. */
export interface FoundFile {
  /** Relative to the archive's folder. */
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** A folder directly in the archive's. */
export interface FoundFolder {
  readonly name: string;
  readonly files: readonly FoundFile[];
  /** Entries that are no files: no backup has them. */
  readonly others: readonly string[];
  /** The newest change of the folder or of anything in it, in milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** Why a folder was not removed. */
export type RemovalRefusal = 'in-use' | 'changed';

/**
 * What clean-up needs of an archive in a local folder. Looking changes nothing; `beginRemoving` registers
 * beside a live writer, and is needed before anything is removed.
 */
export class LocalMaintenance {
  readonly #root: string;
  readonly #fileSystem: FileSystem;
  #lock: WriterLock | undefined;

  /** `wrapFileSystem` wraps what changes are made through; for tests that record them or make them fail. */
  constructor(root: string, wrapFileSystem: (fileSystem: FileSystem) => FileSystem = (same) => same) {
    this.#root = path.resolve(root);
    this.#fileSystem = wrapFileSystem(new NodeFileSystem(this.#root));
  }

  /** Registers, so that what we do can be seen, and removes what dead owners staged. */
  async beginRemoving(owner: string): Promise<void> {
    this.#lock = await WriterLock.join(this.#fileSystem, { owner });
    await this.#lock.reclaimDead();
  }

  /** All folders that could hold a backup, sorted by name. */
  async listFolders(): Promise<FoundFolder[]> {
    const folders: FoundFolder[] = [];
    for (const entry of await this.#entries(ROOT)) {
      const { name } = entry;
      if (!entry.isDirectory() || name.startsWith('.')) continue;
      if (name === METADATA_FOLDER || name === METADATA_BACKUP_FOLDER) continue;
      const folder = await this.folder(name);
      if (folder !== undefined) folders.push(folder);
    }
    return folders.sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** One folder as it is now; undefined when it is gone. */
  async folder(name: string): Promise<FoundFolder | undefined> {
    const own = await this.#statOrGone(name);
    if (own === undefined) return undefined;
    const files: FoundFile[] = [];
    const others: string[] = [];
    let mtimeMs = own.mtimeMs;
    for (const entry of await this.#entries(name)) {
      const file = entry.isFile() ? await this.#found(joinPath(name, entry.name)) : undefined;
      if (file === undefined) others.push(entry.name);
      else files.push(file);
      mtimeMs = Math.max(mtimeMs, file?.mtimeMs ?? 0);
    }
    return { name, files, others, mtimeMs };
  }

  /** Handles of metadata files that were moved out of the listed set. */
  async movedMetadata(): Promise<string[]> {
    const entries = await this.#entries(METADATA_BACKUP_FOLDER);
    return entries
      .filter((entry) => entry.isFile())
      .map(({ name }) => joinPath(METADATA_BACKUP_FOLDER, name));
  }

  /** Files in a folder of `.holdfast`. */
  async sideFiles(folder: string): Promise<FoundFile[]> {
    return await this.#filesIn(joinPath(HOLDFAST_DIRECTORY, folder));
  }

  /** Staging files whose writers are dead. */
  async deadStaging(): Promise<FoundFile[]> {
    const files = await this.#filesIn(STAGING_DIRECTORY);
    const alive = new Set((await this.#alive()).map(({ id }) => id));
    return files.filter((file) => !alive.has(ownerIdOf(path.posix.basename(file.path))));
  }

  /** The folders that somebody alive works on. */
  async foldersInUse(): Promise<ReadonlySet<string>> {
    const alive = new Set((await this.#alive()).map(({ id }) => id));
    const notes = await listNotes(this.#fileSystem);
    return new Set(notes.filter(({ ownerId }) => alive.has(ownerId)).map(({ folder }) => folder));
  }

  /**
   * Removes a folder with its files, unless somebody alive works on it, or `stillGarbage` says no of how it
   * is found at the last moment. A writer that wants the folder afterwards is refused until it is gone.
   */
  async removeFolder(
    name: string,
    stillGarbage: (folder: FoundFolder) => Promise<boolean>,
  ): Promise<'removed' | RemovalRefusal> {
    const lock = this.#removing();
    await leaveNote(this.#fileSystem, name, lock.id);
    try {
      const others = new Set((await lock.othersAlive()).map(({ id }) => id));
      const notes = await listNotes(this.#fileSystem);
      if (notes.some(({ folder, ownerId }) => folder === name && others.has(ownerId))) return 'in-use';
      const folder = await this.folder(name);
      if (folder === undefined) return 'removed';
      if (!(await stillGarbage(folder))) return 'changed';
      // A manifest first: what is left after a crash must look no more complete than before.
      const isManifest = (file: FoundFile): boolean => file.path.endsWith('.manifest');
      const manifestsFirst = folder.files.toSorted((a, b) => Number(isManifest(b)) - Number(isManifest(a)));
      for (const file of manifestsFirst) await this.#unlink(file.path);
      await this.#fileSystem.rmdir(name);
      return 'removed';
    } finally {
      await removeNote(this.#fileSystem, name, lock.id);
    }
  }

  /** Removes one file. */
  async removeFile(file: FoundFile): Promise<void> {
    this.#removing();
    await this.#unlink(file.path);
  }

  /** Makes removals durable, and ends the work. May be called without `beginRemoving`. */
  async close(): Promise<void> {
    if (this.#lock === undefined) return;
    try {
      await this.#fileSystem.syncDirectory(ROOT);
    } finally {
      await this.#lock.release();
    }
  }

  #removing(): WriterLock {
    if (this.#lock === undefined) throw new Error('beginRemoving comes first');
    return this.#lock;
  }

  async #alive(): Promise<Registration[]> {
    const own = ownProcessIdentity();
    const registrations = await listRegistrations(this.#fileSystem);
    return registrations.filter((registration) => isAlive(registration, own, Date.now()));
  }

  async #filesIn(folder: string): Promise<FoundFile[]> {
    const found: FoundFile[] = [];
    for (const entry of await this.#entries(folder)) {
      const file = entry.isFile() ? await this.#found(joinPath(folder, entry.name)) : undefined;
      if (file !== undefined) found.push(file);
    }
    return found.sort((left, right) => (left.path < right.path ? -1 : 1));
  }

  async #found(relative: string): Promise<FoundFile | undefined> {
    const stat = await this.#statOrGone(relative);
    return stat && { path: relative, size: stat.size, mtimeMs: stat.mtimeMs };
  }

  async #statOrGone(relative: string) {
    try {
      return await lstat(path.join(this.#root, relative));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw this.#unreachable(error);
    }
  }

  /** The entries of a folder; none where only the folder is missing. */
  async #entries(relative: string) {
    try {
      return await readdir(path.join(this.#root, relative), { withFileTypes: true });
    } catch (error) {
      if (systemCode(error) === 'ENOENT' && relative !== ROOT) return [];
      throw this.#unreachable(error);
    }
  }

  async #unlink(relative: string): Promise<void> {
    try {
      await this.#fileSystem.unlink(relative);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw this.#unreachable(error);
    }
  }

  #unreachable(cause: unknown): StorageError {
    return new StorageError('STORAGE_UNREACHABLE', `cannot work in ${this.#root}: ${messageOf(cause)}`, {
      cause,
      hint: 'Check that the folder is the root of an archive, is mounted and may be read and written.',
      facts: { path: this.#root },
    });
  }
}
