import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import RocksDB from 'rocksdb-native';
import { columnFamilyNames } from './column-family-names.js';
import { DatabaseError, type DatabaseErrorCode } from './database-error.js';
import type { IterateOptions, KeyRange, KeyValueStore, OpenStoreOptions, RawRow } from './key-value-store.js';
import { RowFetcher, seekRows } from './native-iterator.js';
import { type NativeWriteBatch, SparePuts } from './spare-puts.js';
import type { WriteBatch } from './write-batch.js';

// What the library lacks, and what is done instead: no synced writes (`barrier` flushes), no batch over
// several column families in its public interface (each queued operation remembers the column family of
// the session that the batch stands on, so the session is switched), no checkpoint, no prefix extractor,
// no compression (the reference reads plain blocks; LZ4 ones of a node's own files cannot be read here),
// no cache shared between column families (see `TABLE_OPTIONS`).

const WRITE_BUFFER_BYTES = 4 << 20;
const READ_AHEAD_ROWS = 64;
const SEEKS_AT_ONCE = 64;
/** Table files that an instance keeps open: with 42 instances this bounds what their indexes take. */
const OPEN_FILES_MAX = 128;
const IDLE_BATCHES_MAX = 2;
const MARKERS = 'db_metadata';

/**
 * Format 5 is read by every release of the last years. A cache would be one of 32 MiB for each of some 170
 * column families; the operating system's cache of the same, uncompressed files serves all of them.
 */
const TABLE_OPTIONS = {
  tableBlockSize: 4096,
  tableFormatVersion: 5,
  blockCache: false,
  tableCacheIndexAndFilterBlocks: false,
} as const;

/** What the library said first: it wraps errors of batches. */
function causeOf(error: unknown): unknown {
  const inner = error instanceof AggregateError ? error.errors.find(Boolean) : (error as Error).cause;
  return inner instanceof Error ? inner : error;
}

/** True where RocksDB lacks a codec: the library turns that status into this system error's name. */
function lacksCodec(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOSYS';
}

interface Failure {
  readonly code: DatabaseErrorCode;
  /** Such as `cannot open` and a folder. */
  readonly what: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly hint?: string;
}

function failure(error: unknown, { code, what, facts, hint }: Failure): DatabaseError {
  const cause = causeOf(error);
  const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
  if (lacksCodec(cause)) {
    return new DatabaseError('DB_COMPRESSION_UNSUPPORTED', message, {
      cause,
      facts,
      hint: 'A node compressed these files; read them through the backup service of a node instead.',
    });
  }
  const advice = /no space left/i.test(message) ? DISK_FULL : hint;
  return new DatabaseError(code, message, {
    cause,
    facts,
    ...(advice === undefined ? {} : { hint: advice }),
  });
}

const DISK_FULL = 'The disk is full: make room, then run the same command again.';

function openError(directory: string, error: unknown): DatabaseError {
  return failure(error, {
    code: 'DB_OPEN_FAILED',
    what: `cannot open ${directory}`,
    facts: { directory },
    hint: 'One process at a time can write to a database: is another one using it?',
  });
}

/** A view of the same memory without what `Buffer` does differently. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function definedBounds(range: KeyRange): Partial<Record<keyof KeyRange, Uint8Array>> {
  return Object.fromEntries(Object.entries(range).filter(([, bound]) => bound !== undefined));
}

function missingError(directory: string): DatabaseError {
  return new DatabaseError('DB_MISSING', `no database at ${directory}`, { facts: { directory } });
}

/**
 * Names to open with: RocksDB wants all of them when writing, and an older or newer release may have made
 * others than ours.
 */
async function namesToOpen(directory: string, options: OpenStoreOptions): Promise<readonly string[]> {
  const wanted = options.columnFamilies;
  const existing = await columnFamilyNames(directory);
  if (existing === undefined) return wanted;
  const missing = wanted.filter((name) => !existing.includes(name));
  if (missing.length > 0 && !options.createIfMissing) {
    throw new DatabaseError('DB_COLUMN_FAMILY_MISSING', `${directory} has no ${missing.join(', ')}`, {
      facts: { directory, columnFamily: missing[0], columnFamilies: missing },
    });
  }
  return options.readOnly ? wanted : [...new Set([...wanted, ...existing])];
}

/** Opens an instance with `rocksdb-native`. Several may be opened at once. */
export async function openRocksDbStore(directory: string, options: OpenStoreOptions): Promise<KeyValueStore> {
  // RocksDB itself would make the folder, even to read from it.
  if (!existsSync(path.join(directory, 'CURRENT'))) {
    if (options.readOnly || !options.createIfMissing) throw missingError(directory);
    await mkdir(directory, { recursive: true });
  }
  const columnFamilies = await namesToOpen(directory, options);
  const root = new RocksDB(directory, {
    ...TABLE_OPTIONS,
    columnFamilies,
    readOnly: options.readOnly,
    createIfMissing: options.createIfMissing,
    createMissingColumnFamilies: options.createIfMissing,
    writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
    maxBackgroundJobs: 2,
    maxFileOpeningThreads: 1,
    maxOpenFiles: OPEN_FILES_MAX,
  });
  try {
    await root.ready();
  } catch (error) {
    throw openError(directory, error);
  }
  return new RocksDbStore(directory, options.readOnly, columnFamilies, root);
}

class RocksDbStore implements KeyValueStore {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly columnFamilies: ReadonlySet<string>;
  readonly #root: RocksDB;
  readonly #sessions: ReadonlyMap<string, RocksDB>;
  /** Column families with rows that only the unsynced log holds. */
  readonly #unflushed = new Set<string>();
  readonly #writing = new Set<Promise<void>>();
  readonly #sparePuts = new SparePuts();
  /** Batches of the library, with their memory, for the next writes. */
  readonly #idleBatches: NativeWriteBatch[] = [];
  #closing: Promise<void> | undefined;

  constructor(directory: string, readOnly: boolean, columnFamilies: readonly string[], root: RocksDB) {
    this.directory = directory;
    this.readOnly = readOnly;
    this.columnFamilies = new Set(columnFamilies);
    this.#root = root;
    this.#sessions = new Map(columnFamilies.map((name) => [name, root.columnFamily(name)]));
  }

  async get(columnFamily: string, key: Uint8Array): Promise<Uint8Array | undefined> {
    const [value] = await this.multiGet(columnFamily, [key]);
    return value;
  }

  async multiGet(columnFamily: string, keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    if (keys.length === 0) return [];
    const batch = this.#session(columnFamily).read({ capacity: keys.length });
    try {
      const values = Promise.all(keys.map((key) => batch.get(key)));
      // Both reject together where one key cannot be read; neither may be left unheard.
      const [found] = await Promise.all([values, batch.flush()]);
      return found.map((value) => (value === null ? undefined : plain(value)));
    } catch (error) {
      throw this.#readError(columnFamily, error);
    } finally {
      batch.destroy();
    }
  }

  async seekEach(columnFamily: string, keys: readonly Uint8Array[]): Promise<(RawRow | undefined)[]> {
    const session = this.#session(columnFamily);
    try {
      return await seekRows(session, keys, SEEKS_AT_ONCE);
    } catch (error) {
      throw this.#readError(columnFamily, error);
    }
  }

  async *iterate(
    columnFamily: string,
    range: KeyRange = {},
    options: IterateOptions = {},
  ): AsyncGenerator<RawRow, void, undefined> {
    for await (const rows of this.iterateBatches(columnFamily, range, options)) {
      for (const row of rows) {
        options.signal?.throwIfAborted();
        yield row;
      }
    }
  }

  async *iterateBatches(
    columnFamily: string,
    range: KeyRange = {},
    options: IterateOptions = {},
  ): AsyncGenerator<readonly RawRow[], void, undefined> {
    const { signal, limit, keysOnly = false } = options;
    signal?.throwIfAborted();
    if (limit === 0) return;
    const rows = new RowFetcher(this.#session(columnFamily), {
      ...definedBounds(range),
      reverse: options.reverse ?? false,
      values: !keysOnly,
      capacity: Math.min(options.readAhead ?? READ_AHEAD_ROWS, limit ?? Number.POSITIVE_INFINITY),
      ...(limit === undefined ? {} : { limit }),
    });
    try {
      for (let batch = await rows.next(); batch !== undefined; batch = await rows.next()) {
        signal?.throwIfAborted();
        yield batch;
      }
    } catch (error) {
      throw signal?.aborted ? error : this.#readError(columnFamily, error);
    } finally {
      await rows.close();
    }
  }

  async write(batch: WriteBatch): Promise<void> {
    if (this.readOnly) {
      const facts = { directory: this.directory };
      throw new DatabaseError('DB_READ_ONLY', `${this.directory} was opened read-only`, { facts });
    }
    if (batch.size === 0) return;
    const { columnFamilies } = batch;
    for (const columnFamily of columnFamilies) this.#session(columnFamily);
    for (const columnFamily of columnFamilies) this.#unflushed.add(columnFamily);
    const written = this.#apply(batch);
    this.#writing.add(written);
    try {
      await written;
    } finally {
      this.#writing.delete(written);
    }
  }

  async #apply(batch: WriteBatch): Promise<void> {
    const native = this.#idleBatches.pop() ?? this.#root.write({ capacity: batch.size });
    let isUsable = false;
    try {
      this.#sparePuts.queue(native, batch, (name) => this.#session(name));
      const queued = native._operations;
      await native.flush();
      this.#sparePuts.takeBack(queued, batch);
      isUsable = this.#idleBatches.length < IDLE_BATCHES_MAX;
    } catch (error) {
      throw this.#writeError(error);
    } finally {
      if (isUsable) this.#idleBatches.push(native);
      else native.destroy();
    }
  }

  async barrier(): Promise<void> {
    // A write that has begun belongs to what the caller may think of as written; its own failure is its own.
    await Promise.allSettled(this.#writing);
    const pending = [...this.#unflushed];
    this.#unflushed.clear();
    try {
      await Promise.all(pending.filter((name) => name !== MARKERS).map((name) => this.#flush(name)));
      // Last, so that no marker is on disk before what it promises.
      if (pending.includes(MARKERS)) await this.#flush(MARKERS);
    } catch (error) {
      for (const name of pending) this.#unflushed.add(name);
      throw this.#writeError(error);
    }
  }

  #flush(columnFamily: string): Promise<void> {
    return this.#session(columnFamily).flush();
  }

  async estimateRowCount(columnFamily: string): Promise<number> {
    return Number(await this.#session(columnFamily).getProperty('rocksdb.estimate-num-keys'));
  }

  close(): Promise<void> {
    this.#closing ??= this.#release();
    return this.#closing;
  }

  async #release(): Promise<void> {
    try {
      await this.barrier();
    } finally {
      for (const native of this.#idleBatches) native.destroy();
      await this.#root.close({ force: true });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #session(columnFamily: string): RocksDB {
    const session = this.#sessions.get(columnFamily);
    if (session) return session;
    throw new DatabaseError('DB_COLUMN_FAMILY_MISSING', `${this.directory} has no ${columnFamily}`, {
      facts: { directory: this.directory, columnFamily },
    });
  }

  #readError(columnFamily: string, error: unknown): unknown {
    if (error instanceof DatabaseError) return error;
    const facts = { directory: this.directory, columnFamily };
    return failure(error, {
      code: 'DB_READ_FAILED',
      what: `cannot read ${columnFamily} in ${this.directory}`,
      facts,
    });
  }

  #writeError(error: unknown): unknown {
    if (error instanceof DatabaseError) return error;
    const facts = { directory: this.directory };
    return failure(error, { code: 'DB_WRITE_FAILED', what: `cannot write to ${this.directory}`, facts });
  }
}
