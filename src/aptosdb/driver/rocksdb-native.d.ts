// The part of the library that is used here, as read from its sources (version 3.18): it ships no types.
declare module 'rocksdb-native' {
  interface ColumnFamilyOptions {
    readonly tableBlockSize?: number;
    readonly tableCacheIndexAndFilterBlocks?: boolean;
    readonly tableFormatVersion?: number;
    readonly blockCache?: boolean;
    readonly writeBufferSize?: number;
    readonly maxWriteBufferNumber?: number;
  }

  interface OpenOptions extends ColumnFamilyOptions {
    readonly columnFamilies?: readonly string[];
    readonly readOnly?: boolean;
    readonly createIfMissing?: boolean;
    readonly createMissingColumnFamilies?: boolean;
    readonly maxBackgroundJobs?: number;
    readonly maxOpenFiles?: number;
    readonly maxFileOpeningThreads?: number;
  }

  interface IteratorOptions {
    readonly gt?: Uint8Array;
    readonly gte?: Uint8Array;
    readonly lt?: Uint8Array;
    readonly lte?: Uint8Array;
    readonly reverse?: boolean;
    readonly values?: boolean;
    readonly limit?: number;
    /** Rows fetched by one call into the library. */
    readonly capacity?: number;
  }

  type StepDone = (error: Error | null) => void;

  /** A readable stream of rows; of its insides only what is used here. */
  interface RowIterator {
    _db: { readonly _state: { readonly io: { dec(): void } } };
    _open(done: StepDone): void;
    _read(done: StepDone): void;
    _destroy(done: StepDone): void;
    /** Rows that may still be read. */
    _limit: number;
    /** What waits for the read that is under way. */
    _pendingRead: StepDone | null;
    /** Receives what was read: keys and values are memory that nobody else has. */
    _onread(error: Error | null | undefined, keys: ArrayBuffer[], values: ArrayBuffer[]): void;
  }

  interface ReadBatch {
    get(key: Uint8Array): Promise<Buffer | null>;
    flush(): Promise<void>;
    destroy(): void;
  }

  interface WriteBatch {
    /** The session whose column family the next operation is for. */
    _db: RocksDB;
    /** What `tryPut` and the others have added. */
    _operations: QueuedOperation[];
    /** Makes room for all operations. */
    _resize(): void;
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void;
    flush(): Promise<void>;
    destroy(): void;
  }

  /** One operation of a batch; of a deletion only the key. */
  interface QueuedOperation {
    key: Uint8Array;
    value: Uint8Array;
    columnFamily: unknown;
  }

  class RocksDB {
    readonly _columnFamily: { readonly _handle: unknown };
    constructor(directory: string, options: OpenOptions);
    ready(): Promise<void>;
    /** A session on a column family that was named when opening. */
    columnFamily(name: string): RocksDB;
    read(options?: { readonly capacity?: number }): ReadBatch;
    write(options?: { readonly capacity?: number }): WriteBatch;
    iterator(options: IteratorOptions): RowIterator;
    /** Writes what the session's column family holds in memory to a synced file. */
    flush(): Promise<void>;
    getProperty(name: string): Promise<string | null>;
    close(options?: { readonly force?: boolean }): Promise<void>;
  }

  export = RocksDB;
}
