import { HoldfastError } from '../errors/holdfast-error.js';

/** Why bytes could not be had from a storage. */
export type StorageErrorCode =
  /** No file stands under the handle. */
  | 'FILE_MISSING'
  /** Something stands under the handle, but its bytes cannot be read: permissions, a folder, a bad disk. */
  | 'FILE_UNREADABLE'
  /** The handle could lead out of the archive, or can be no name at all. */
  | 'FILE_HANDLE_ILLEGAL'
  /** The file holds more than files of its kind may. */
  | 'FILE_TOO_LARGE'
  /** The file begins as gzip and does not go on or end as gzip. */
  | 'GZIP_DAMAGED'
  /** The archive as a whole is not there, or does not tell what it holds. */
  | 'STORAGE_UNREACHABLE'
  /** A command of the adapter could not be started, ended with another exit code than 0, or by a signal. */
  | 'COMMAND_FAILED'
  /** A command of the adapter gave no byte and did not end for too long. */
  | 'COMMAND_TIMEOUT'
  /** The adapter's configuration file cannot be read or breaks its rules. */
  | 'ADAPTER_CONFIG_INVALID'
  /** The folder for cached metadata cannot be used. */
  | 'CACHE_UNUSABLE'
  /** A name for a backup folder or a file has other characters or another length than names may have. */
  | 'FILE_NAME_ILLEGAL'
  /** Another live process writes to the archive; the facts say which. */
  | 'WRITER_LOCKED'
  /** The writer lock was lost while writing: its lease ran out, or it was removed. */
  | 'WRITER_LOCK_LOST'
  /** A file of the lock cannot be read, so nobody can tell whether its owner lives. */
  | 'WRITER_LOCK_UNREADABLE'
  /** Somebody alive works on the very backup folder: a writer, or a clean-up. */
  | 'BACKUP_BUSY'
  /** A metadata file of the name exists and says something else. */
  | 'METADATA_CONFLICT'
  /** A writing command printed no handle, more than one, or one that another file has already. */
  | 'COMMAND_HANDLE_INVALID'
  /** What was read back is not what was written. */
  | 'WRITE_NOT_VERIFIED'
  /** The backend, or its configuration, has no way to do it. */
  | 'OPERATION_UNSUPPORTED';

/** Facts that the errors of this room carry, where they apply. */
export interface StorageErrorFacts {
  readonly handle?: string;
  readonly path?: string;
  readonly operation?: string;
  readonly command?: string;
  readonly exitCode?: number;
  /** The signal that ended the command, such as `SIGSEGV`. */
  readonly signal?: string;
  /** The last 4 KiB that the command wrote to its standard error. */
  readonly stderr?: string;
  readonly bytesMax?: number;
  readonly timeoutMs?: number;
  /** Who holds the writer lock, in words. */
  readonly holder?: string;
  /** Set where a damaged gzip could also be a bare file that merely begins like one. */
  readonly mayBeBare?: boolean;
}

/** A failure of an archive's place. */
export class StorageError extends HoldfastError<StorageErrorCode> {
  declare readonly facts: StorageErrorFacts & Readonly<Record<string, unknown>>;
}

/** The `code` of a failed system call, such as `ENOENT`; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The sentence of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
