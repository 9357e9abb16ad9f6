import { HoldfastError } from '../../errors/holdfast-error.js';

/** Why a ledger database cannot be opened, read or written. */
export type DatabaseErrorCode =
  /** There is no database, or one of its instances is not there. */
  | 'DB_MISSING'
  /** An instance holds files that this build of RocksDB cannot read: compressed blocks. */
  | 'DB_COMPRESSION_UNSUPPORTED'
  /** An instance does not open: another process holds it, it is damaged, or access is refused. */
  | 'DB_OPEN_FAILED'
  /** An instance has no such column family; facts: `columnFamily`. */
  | 'DB_COLUMN_FAMILY_MISSING'
  /** RocksDB could not read: a bad block, a bad disk. */
  | 'DB_READ_FAILED'
  /** RocksDB could not write or flush; nothing that the call covers is promised. */
  | 'DB_WRITE_FAILED'
  /** The database was opened read-only. */
  | 'DB_READ_ONLY'
  /** The bytes of a row are no key or no value of its column family. */
  | 'DB_ROW_INVALID';

/** A failure of a ledger database on disk. Facts name the `instance` or `directory` where one is known. */
export class DatabaseError extends HoldfastError<DatabaseErrorCode> {}
