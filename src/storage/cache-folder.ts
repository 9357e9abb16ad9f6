import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { mkdir, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { messageOf, StorageError, systemCode } from './storage-error.js';

/** Names of entries: what a cache's keys look like. Files of other names are never touched. */
const KEY_PATTERN = /^[0-9a-f]{1,16}$/;
/** Names of files that are being written, ours and the reference's. */
const TEMPORARY_PATTERN = /^\.[0-9a-f]{1,16}(?:\.[0-9a-z-]+)?$/;
/** A file that is still being written after an hour is a rest of a killed process. */
const TEMPORARY_AGE_MS = 60 * 60 * 1000;
/** Says beside the entries which storage they came from; outside of the folder, which others may empty. */
const OWNER_FILE = 'holdfast-cache-owner';

export interface CacheFolderOptions {
  /** What the entries belong to; entries of another or of an unknown owner are thrown away. */
  readonly owner: string;
  /** A folder that the cache must not lie in: the archive itself. */
  readonly outsideOf?: string | undefined;
}

/**
 * A local folder of small files under short keys, each published whole by a rename. Losing any of it at
 * any time costs only time.
 */
export class CacheFolder {
  readonly folder: string;
  #keys: Set<string>;

  private constructor(folder: string, keys: Set<string>) {
    this.folder = folder;
    this.#keys = keys;
  }

  /**
   * Opens `<directory>/cache`, making it where it is missing, and clears it when its entries are not
   * known to be the owner's.
   * @throws StorageError CACHE_UNUSABLE
   */
  static async open(directory: string, { owner, outsideOf }: CacheFolderOptions): Promise<CacheFolder> {
    try {
      const base = path.resolve(directory);
      if (outsideOf !== undefined) await requireOutside(base, outsideOf);
      const folder = path.join(base, 'cache');
      await mkdir(folder, { recursive: true });
      const keys = await listKeys(folder);
      const cache = new CacheFolder(folder, keys);
      const ownerFile = path.join(base, OWNER_FILE);
      if ((await readFile(ownerFile, 'utf8').catch(() => '')) !== owner) {
        await cache.retain(new Set());
        // Without these two a power cut could leave entries of one owner under the name of another.
        await syncNames(folder);
        await publish(ownerFile, Buffer.from(owner));
        await syncNames(base);
      }
      return cache;
    } catch (error) {
      throw new StorageError(
        'CACHE_UNUSABLE',
        `cannot use ${directory} for cached metadata: ${messageOf(error)}`,
        {
          cause: error,
          hint: 'Give a folder of its own that may be written, outside of every archive.',
          facts: { path: directory },
        },
      );
    }
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /**
   * An entry's bytes, or undefined where it is gone or unreadable. Synchronous on purpose: entries are
   * small local files, and a hundred thousand trips through the thread pool cost several times as much.
   */
  read(key: string): Uint8Array | undefined {
    if (!this.#keys.has(key)) return undefined;
    try {
      return readSmallFile(`${this.folder}${path.sep}${key}`);
    } catch {
      // Removed by someone else, or a bad disk: the storage itself has the file.
      this.#keys.delete(key);
      return undefined;
    }
  }

  /** Publishes an entry durably, over an older one of the same key. */
  async write(key: string, bytes: Uint8Array): Promise<void> {
    await publish(path.join(this.folder, key), bytes);
    this.#keys.add(key);
  }

  /** Deletes the entries whose keys are not among `wanted`; returns how many. */
  async retain(wanted: ReadonlySet<string>): Promise<number> {
    let deleted = 0;
    for (const key of [...this.#keys]) {
      if (wanted.has(key)) continue;
      await rm(path.join(this.folder, key), { force: true });
      this.#keys.delete(key);
      deleted++;
    }
    return deleted;
  }
}

/** Where a file is read to at first; nothing of it outlives a call. */
const firstRead = Buffer.alloc(8192);

/** A file's bytes with the fewest system calls for a small one. */
function readSmallFile(filePath: string): Uint8Array {
  const file = openSync(filePath, 'r');
  try {
    const size = readSync(file, firstRead, 0, firstRead.length, 0);
    if (size < firstRead.length) return new Uint8Array(firstRead.subarray(0, size));
  } finally {
    closeSync(file);
  }
  return readFileSync(filePath);
}

async function listKeys(folder: string): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const name of await readdir(folder)) {
    if (KEY_PATTERN.test(name)) keys.add(name);
    else if (TEMPORARY_PATTERN.test(name)) await removeAbandoned(path.join(folder, name));
  }
  return keys;
}

async function removeAbandoned(filePath: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(filePath);
    if (Date.now() - mtimeMs > TEMPORARY_AGE_MS) await rm(filePath, { force: true });
  } catch (error) {
    // Another process has just finished or removed it.
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/** Writes under a name that nobody else has, syncs, renames: readers see the old bytes or all of the new. */
async function publish(filePath: string, bytes: Uint8Array): Promise<void> {
  const { dir, base } = path.parse(filePath);
  const temporary = path.join(dir, `.${base}.${randomBytes(8).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, filePath);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Where directories cannot be synced (Windows) a power cut may cost more than time; nothing else can be done. */
async function syncNames(directory: string): Promise<void> {
  try {
    await new NodeFileSystem(directory).syncDirectory('.');
  } catch (error) {
    if (!['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP', 'ENOSYS'].includes(systemCode(error) ?? '')) throw error;
  }
}

async function requireOutside(directory: string, archive: string): Promise<void> {
  const relative = path.relative(await realpathOfExisting(archive), await realpathOfExisting(directory));
  if (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative)) {
    throw new Error(`it lies inside of the archive ${archive}`);
  }
}

/** The path with its links resolved as far as it exists. */
async function realpathOfExisting(target: string): Promise<string> {
  const absolute = path.resolve(target);
  try {
    return await realpath(absolute);
  } catch (error) {
    const parent = path.dirname(absolute);
    if (systemCode(error) !== 'ENOENT' || parent === absolute) throw error;
    return path.join(await realpathOfExisting(parent), path.basename(absolute));
  }
}
