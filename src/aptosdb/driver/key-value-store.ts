import type { WriteBatch } from './write-batch.js';

/** Bounds of an iteration by key bytes; at most one of each pair. None means: from the very end. */
export interface KeyRange {
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
}

export interface IterateOptions {
  /** From the highest key down. */
  readonly reverse?: boolean | undefined;
  /** At most this many rows. */
  readonly limit?: number | undefined;
  /** Rows fetched in one go, 64 by default; an iteration may hold twice as many in memory. */
  readonly readAhead?: number | undefined;
  /** Leaves the values out: each is an empty array. */
  readonly keysOnly?: boolean | undefined;
  /** Checked before every fetch; rejects with the signal's own reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Both arrays are copies that belong to the receiver. */
export interface RawRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * One RocksDB instance, narrowed to what a ledger needs: ordered rows in column families, atomic batches
 * and a durability barrier. Keys are ordered by their bytes.
 *
 * What a batch wrote is seen by every later read and survives the end of the process at once. It survives
 * a power cut only once `barrier()` has returned.
 */
export interface KeyValueStore extends AsyncDisposable {
  /** The folder of the instance. */
  readonly directory: string;
  readonly readOnly: boolean;
  /** Column families that are open; `default` is not among them. */
  readonly columnFamilies: ReadonlySet<string>;

  /**
   * Like every reading call, throws DatabaseError DB_READ_FAILED, DB_COMPRESSION_UNSUPPORTED and
   * DB_COLUMN_FAMILY_MISSING.
   */
  get(columnFamily: string, key: Uint8Array): Promise<Uint8Array | undefined>;

  /** The values in the order of the keys. */
  multiGet(columnFamily: string, keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;

  /**
   * The first row at or behind each key, in the order of the keys; undefined where there is none. Cheaper
   * than an iteration for each.
   */
  seekEach(columnFamily: string, keys: readonly Uint8Array[]): Promise<(RawRow | undefined)[]>;

  /**
   * Rows in key order, as they stood when the iteration began: writes do not disturb it. Ending the loop
   * early frees what it holds.
   */
  iterate(columnFamily: string, range?: KeyRange, options?: IterateOptions): AsyncIterable<RawRow>;

  /** As `iterate`, all rows that are fetched already at once: a small fraction of its cost for each row. */
  iterateBatches(
    columnFamily: string,
    range?: KeyRange,
    options?: IterateOptions,
  ): AsyncIterable<readonly RawRow[]>;

  /**
   * Applies all operations or none, over any column families of this instance. The arrays in the batch
   * must not change until this returns. Calls may overlap; those of one caller in sequence keep order.
   * @throws DatabaseError DB_WRITE_FAILED, DB_READ_ONLY, DB_COLUMN_FAMILY_MISSING
   */
  write(batch: WriteBatch): Promise<void>;

  /**
   * Returns once everything written before the call survives a power cut.
   * @throws DatabaseError DB_WRITE_FAILED
   */
  barrier(): Promise<void>;

  /** Rows as RocksDB estimates them; cheap. */
  estimateRowCount(columnFamily: string): Promise<number>;

  /** A barrier, then releases the instance. May be called again. */
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  /** Column families that must be open; others that exist are opened with them when writing. */
  readonly columnFamilies: readonly string[];
  readonly readOnly: boolean;
  /** Creates the folder, the instance and its column families where they are missing. */
  readonly createIfMissing: boolean;
  /** Bytes that a column family collects in memory before it writes a file; 4 MiB by default. */
  readonly writeBufferBytes?: number | undefined;
}

/** Opens one instance in one folder: what a binding of RocksDB has to offer. */
export type OpenStore = (directory: string, options: OpenStoreOptions) => Promise<KeyValueStore>;
