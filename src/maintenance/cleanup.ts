import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import type { FoundFile, FoundFolder, LocalMaintenance } from '../storage/local-maintenance.js';
import { type ArchiveReferences, type BlockedCleanup, loadArchiveReferences } from './archive-references.js';
import { holdsWholeManifest } from './whole-manifest.js';

/** Younger things may belong to a writer that holds no lock. */
export const GRACE_PERIOD_MS = 24 * 60 * 60 * 1000;

/** What an item is. */
export type CleanupKind = 'uncommitted-backup' | 'staging-file' | 'side-file' | 'other-folder';

/** Why an item stays. */
export type KeepReason =
  /** Changed within the grace period. */
  | 'recent'
  /** Somebody alive works on it. */
  | 'in-use'
  /** It holds a whole manifest that no metadata names: a repair can bring it back. */
  | 'unlisted-backup'
  /** Nothing that a backup writer makes; never touched. */
  | 'foreign'
  /** It changed between looking and removing. */
  | 'changed';

/** One folder or file that was looked at. */
export interface CleanupItem {
  /** Relative to the archive's folder. */
  readonly path: string;
  readonly kind: CleanupKind;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly changedAt: number;
  readonly action: 'would-remove' | 'removed' | 'kept';
  readonly reason?: KeepReason;
}

/** What a clean-up found, and did. */
export interface CleanupReport {
  readonly archive: string;
  readonly applied: boolean;
  readonly gracePeriodMs: number;
  /** Why nothing may be removed, file by file. */
  readonly blocked: readonly BlockedCleanup[];
  readonly items: readonly CleanupItem[];
}

/** Which archive to clean, and whether to change anything. */
export interface CleanupOptions {
  readonly storage: BackupStorage;
  readonly maintenance: LocalMaintenance;
  /** Removes what the report names; otherwise nothing is changed. */
  readonly apply: boolean;
  /** Who does it, for a writer that meets us. */
  readonly owner: string;
  /** What changed within this time stays; 24 hours by default. */
  readonly gracePeriodMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Names that writers of backups give to folders and to the files in them. */
const BACKUP_FOLDER = /^(?:epoch_ending_\d+-|state_epoch_\d+_ver_\d+|transaction_\d+-)\.[0-9a-f]{4}$/;
const BACKUP_FILE =
  /\/(?:\d+-\.chunk|\d+-\d+\.proof|state\.proof|(?:epoch_ending|state|transaction)\.manifest)$/;

/**
 * Finds what interrupted writers left, and removes it if that is wanted. It never removes a folder that
 * holds a whole manifest, and nothing at all while any metadata entry or manifest cannot be read: then
 * nobody knows what is needed.
 * @throws StorageError; the signal's reason
 */
export async function cleanUp(options: CleanupOptions): Promise<CleanupReport> {
  return await new Cleanup(options).run();
}

class Cleanup {
  readonly #options: CleanupOptions;
  readonly #gracePeriodMs: number;
  readonly #youngest: number;
  readonly #items: CleanupItem[] = [];

  constructor(options: CleanupOptions) {
    this.#options = options;
    this.#gracePeriodMs = options.gracePeriodMs ?? GRACE_PERIOD_MS;
    this.#youngest = Date.now() - this.#gracePeriodMs;
  }

  async run(): Promise<CleanupReport> {
    const { storage, maintenance, signal, owner } = this.#options;
    const references = await loadArchiveReferences(storage, await maintenance.movedMetadata(), signal);
    const apply = this.#options.apply && references.blocked.length === 0;
    const inUse = await maintenance.foldersInUse();
    const folders = await maintenance.listFolders();
    for (const file of await maintenance.deadStaging()) {
      this.#add('staging-file', file.path, file, apply ? 'removed' : 'would-remove');
    }
    // Staging of dead writers is never needed again; registering removes it.
    if (apply) await maintenance.beginRemoving(owner);
    for (const folder of folders) {
      signal?.throwIfAborted();
      if (!references.folders.has(folder.name)) await this.#judgeFolder(folder, inUse, references, apply);
    }
    await this.#judgeSideFiles(folders, references, apply);
    return {
      archive: storage.description,
      applied: apply,
      gracePeriodMs: this.#gracePeriodMs,
      blocked: references.blocked,
      items: this.#items,
    };
  }

  async #judgeFolder(
    folder: FoundFolder,
    inUse: ReadonlySet<string>,
    references: ArchiveReferences,
    apply: boolean,
  ): Promise<void> {
    const { name } = folder;
    const kind = BACKUP_FOLDER.test(name) ? 'uncommitted-backup' : 'other-folder';
    const reason = inUse.has(name) ? 'in-use' : await this.#reasonToKeep(folder);
    if (reason !== undefined) return this.#add(kind, name, sumOf(folder), 'kept', reason);
    if (!apply) return this.#add(kind, name, sumOf(folder), 'would-remove');
    const outcome = await this.#options.maintenance.removeFolder(name, async (now) => {
      return (await this.#reasonToKeep(now)) === undefined && (await this.#sameMetadata(references));
    });
    if (outcome === 'removed') this.#add(kind, name, sumOf(folder), 'removed');
    else this.#add(kind, name, sumOf(folder), 'kept', outcome);
  }

  async #reasonToKeep(folder: FoundFolder): Promise<KeepReason | undefined> {
    const { storage, signal } = this.#options;
    const isBackup =
      BACKUP_FOLDER.test(folder.name) &&
      folder.others.length === 0 &&
      folder.files.every(({ path }) => BACKUP_FILE.test(path));
    if (!isBackup) return 'foreign';
    if (await holdsWholeManifest(storage, folder, signal)) return 'unlisted-backup';
    return folder.mtimeMs > this.#youngest ? 'recent' : undefined;
  }

  /** A writer that holds no lock may have committed a backup in the meantime. */
  async #sameMetadata({ metadataFiles }: ArchiveReferences): Promise<boolean> {
    const { storage, signal } = this.#options;
    const now = await storage.listMetadataFiles({ signal });
    return (
      now.length === metadataFiles.length && now.every((handle, index) => handle === metadataFiles[index])
    );
  }

  /** Side files of manifests that are gone, and that nothing names. */
  async #judgeSideFiles(
    folders: readonly FoundFolder[],
    references: ArchiveReferences,
    apply: boolean,
  ): Promise<void> {
    const { maintenance } = this.#options;
    const removed = new Set(this.#items.filter(({ action }) => action !== 'kept').map(({ path }) => path));
    const present = new Set(folders.map(({ name }) => name).filter((name) => !removed.has(name)));
    for (const file of await maintenance.sideFiles('attestations')) {
      const [folder = '', manifest] = file.path.slice(file.path.lastIndexOf('/') + 1).split('~');
      if (manifest === undefined || present.has(folder) || references.folders.has(folder)) continue;
      if (file.mtimeMs > this.#youngest) this.#add('side-file', file.path, file, 'kept', 'recent');
      else if (!apply) this.#add('side-file', file.path, file, 'would-remove');
      else {
        await maintenance.removeFile(file);
        this.#add('side-file', file.path, file, 'removed');
      }
    }
  }

  #add(
    kind: CleanupKind,
    path: FileHandle,
    { size, mtimeMs }: Pick<FoundFile, 'size' | 'mtimeMs'>,
    action: CleanupItem['action'],
    reason?: KeepReason,
  ): void {
    const item = { path, kind, bytes: size, changedAt: mtimeMs, action };
    this.#items.push(reason === undefined ? item : { ...item, reason });
  }
}

function sumOf({ files, mtimeMs }: FoundFolder): Pick<FoundFile, 'size' | 'mtimeMs'> {
  return { size: files.reduce((sum, file) => sum + file.size, 0), mtimeMs };
}
