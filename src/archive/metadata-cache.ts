import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { CacheFolder } from '../storage/cache-folder.js';
import { siphash13HexOfText } from './siphash13.js';

/**
 * Copies of metadata files in a local folder (spec: backup-format.md, section 6): a handle's content is
 * taken never to change. The layout is the reference's; in addition the folder is bound to one archive,
 * since two archives have files of equal names, and a copy is kept only when it was read as metadata.
 */
export class MetadataCache {
  #folder: CacheFolder;
  #keys: ReadonlyMap<FileHandle, string>;
  /** Copies of files that are no longer listed, and were deleted. */
  readonly deleted: number;
  /** Copies that could not be kept; the content itself was at hand, so nothing else is lost. */
  writeFailures = 0;

  private constructor(folder: CacheFolder, keys: ReadonlyMap<FileHandle, string>, deleted: number) {
    this.#folder = folder;
    this.#keys = keys;
    this.deleted = deleted;
  }

  /**
   * Opens the cache below `directory` for the files that the storage lists, and deletes all other copies.
   * @throws StorageError CACHE_UNUSABLE, also when the folder lies inside of the archive
   */
  static async open(
    storage: BackupStorage,
    directory: string,
    files: readonly FileHandle[],
  ): Promise<MetadataCache> {
    const owner = storage.identity ?? `${storage.kind}:${storage.description}`;
    const folder = await CacheFolder.open(directory, { owner, outsideOf: storage.localRoot });
    const keys = new Map(files.map((handle) => [handle, siphash13HexOfText(handle)]));
    const deleted = await folder.retain(new Set(keys.values()));
    return new MetadataCache(folder, keys, deleted);
  }

  /** The copy of a listed file, or undefined. */
  read(handle: FileHandle): Uint8Array | undefined {
    const key = this.#keys.get(handle);
    return key === undefined ? undefined : this.#folder.read(key);
  }

  async write(handle: FileHandle, bytes: Uint8Array): Promise<void> {
    const key = this.#keys.get(handle);
    if (key === undefined) return;
    try {
      await this.#folder.write(key, bytes);
    } catch {
      // A full disk costs the next run a download, and this run nothing.
      this.writeFailures++;
    }
  }
}
