import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { readWholeFile } from '../storage/read-file.js';
import { StorageError } from '../storage/storage-error.js';
import type { ArchiveError } from './archive-error.js';
import { METADATA_BYTES_MAX } from './limits.js';
import { MetadataCache } from './metadata-cache.js';
import { type LocatedEntry, parseMetadataFile } from './metadata-entry.js';

export interface LoadMetadataOptions {
  /** A folder for copies; without it everything is read from the storage and nothing is written. */
  readonly cacheDir?: string | undefined;
  /** Files that are read from the storage at the same time; default 8. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadMetadataProgress) => void) | undefined;
}

export interface LoadMetadataProgress {
  readonly filesDone: number;
  readonly filesTotal: number;
}

export interface MetadataCacheStats {
  /** Files that were taken from the cache. */
  readonly hits: number;
  /** Files that were read from the storage, also because their copy was damaged. */
  readonly downloads: number;
  /** Copies that were deleted because their files are no longer listed. */
  readonly deleted: number;
  /** Copies that could not be kept. */
  readonly writeFailures: number;
}

/** What all metadata files together say, and which of them do not. */
export interface LoadedMetadata {
  /** All listed handles, sorted. */
  readonly files: readonly FileHandle[];
  /** All readable entries, by file, then by line. */
  readonly entries: readonly LocatedEntry[];
  /** One for each file that cannot be read or holds bad lines; `facts.handle` names it. */
  readonly problems: readonly (ArchiveError | StorageError)[];
  readonly cache: MetadataCacheStats;
}

/** Copies that are read before other work gets its turn. */
const HITS_A_TURN = 256;
const CONCURRENCY = 8;

interface LoadedFile {
  readonly entries: readonly LocatedEntry[];
  readonly problem: ArchiveError | StorageError | undefined;
}

/**
 * Reads all metadata of an archive. A file that is missing, empty, torn, overwritten or foreign is a
 * problem of its own and hides no other file; nothing is ever written to the archive.
 * @throws StorageError STORAGE_UNREACHABLE when the files cannot be listed, CACHE_UNUSABLE; the signal's
 *   reason
 */
export async function loadMetadata(
  storage: BackupStorage,
  options: LoadMetadataOptions = {},
): Promise<LoadedMetadata> {
  const { cacheDir, concurrency = CONCURRENCY, signal, onProgress } = options;
  const files = await storage.listMetadataFiles({ signal });
  const cache = cacheDir === undefined ? undefined : await MetadataCache.open(storage, cacheDir, files);
  const loaded = new Map<FileHandle, LoadedFile>();
  const keep = (handle: FileHandle, file: LoadedFile): void => {
    loaded.set(handle, file);
    onProgress?.({ filesDone: loaded.size, filesTotal: files.length });
  };

  if (cache !== undefined) await readCopies(cache, files, keep, signal);
  const hits = loaded.size;
  const missing = files.filter((handle) => !loaded.has(handle));
  await forEachConcurrently(missing, concurrency, async (handle) => {
    signal?.throwIfAborted();
    keep(handle, await download(storage, cache, handle, signal));
  });

  const inOrder = files.flatMap((handle) => loaded.get(handle) ?? []);
  return {
    files,
    entries: inOrder.flatMap(({ entries }) => entries),
    problems: inOrder.flatMap(({ problem }) => problem ?? []),
    cache: {
      hits,
      downloads: missing.length,
      deleted: cache?.deleted ?? 0,
      writeFailures: cache?.writeFailures ?? 0,
    },
  };
}

/** Takes from the cache what is there and whole; a damaged copy is left to be fetched again. */
async function readCopies(
  cache: MetadataCache,
  files: readonly FileHandle[],
  keep: (handle: FileHandle, file: LoadedFile) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const [index, handle] of files.entries()) {
    if (index % HITS_A_TURN === 0) {
      await nextTurn();
      signal?.throwIfAborted();
    }
    const bytes = cache.read(handle);
    if (bytes === undefined) continue;
    const parsed = parseMetadataFile(bytes, handle);
    if (parsed.problem === undefined) keep(handle, parsed);
  }
}

async function download(
  storage: BackupStorage,
  cache: MetadataCache | undefined,
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<LoadedFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readWholeFile(storage, handle, { bytesMax: METADATA_BYTES_MAX, signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof StorageError)) throw error;
    return { entries: [], problem: error };
  }
  const parsed = parseMetadataFile(bytes, handle);
  // A bad file is not kept: once it is repaired under its own name, the next run must see that.
  if (parsed.problem === undefined) await cache?.write(handle, bytes);
  return parsed;
}

/** Runs `work` on all items, some at a time; after a failure no further one is begun. */
async function forEachConcurrently<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    while (!hasFailed && next < items.length) {
      const item = items[next++] as Item;
      try {
        await work(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  // All lanes end before the failure is told, so that nothing goes on behind the caller's back.
  const lanes = await Promise.allSettled(Array.from({ length: Math.max(1, concurrency) }, lane));
  for (const result of lanes) if (result.status === 'rejected') throw result.reason;
}
