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
  | 'CACHE_UNUSABLE';

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
