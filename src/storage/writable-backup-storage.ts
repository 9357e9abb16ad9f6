import type { BackupStorage, FileHandle, StorageOperationOptions } from './backup-storage.js';

/** Names a backup while its files are written; opaque to everyone but the storage that gave it. */
export type BackupHandle = string;

/** What a backend can do beyond the contract, as data: whoever relies on it asks, and says where it is not. */
export interface StorageCapabilities {
  /** A second writer is refused at once. */
  readonly lock: boolean;
  /** Nothing unfinished has a name, and what was reported as written survives a power cut. */
  readonly staging: boolean;
  /** Sizes and digests can also be kept beside the archive's files, where no other program rewrites them. */
  readonly attestationSideFiles: boolean;
  /** Files of an interrupted backup can be found again. */
  readonly resume: boolean;
  /** Metadata files can be moved out of the listed set. */
  readonly moveMetadata: boolean;
}

/** A file that was written, as its attestation needs it. */
export interface WrittenFile {
  readonly handle: FileHandle;
  /** Bytes of the content as written, before anything that a command or an operator does to it. */
  readonly size: number;
  /** SHA-256 of the same bytes. */
  readonly sha256: Uint8Array;
}

/**
 * A file under construction. It ends with `commit` or `discard`, and counts as written only when `commit`
 * resolves. Any failure discards it for good; the error names the file and the cause.
 */
export interface BackupFileWriter {
  /** What manifests will call the file. */
  readonly handle: FileHandle;
  /** Appends all of `bytes`, which the caller leaves alone until this settles; one call at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Ends the file. Where the backend stages, its content is durable and it has its name; the name itself is
   * durable after the next `syncBackup`, dependent file or metadata file, so that many files cost one sync.
   */
  commit(): Promise<WrittenFile>;
  /** Gives the file up; does nothing to a committed one. Never rejects, may be called more than once. */
  discard(): Promise<void>;
}

export interface CreateForWriteOptions extends StorageOperationOptions {
  /**
   * True for a file that refers to others, a manifest: everything committed to this backup is made durable
   * before the first byte of it is staged.
   */
  readonly dependent?: boolean;
}

export interface SaveMetadataOptions extends StorageOperationOptions {
  /**
   * The backups that the lines speak of: all that was committed to them is durable before the first byte is
   * staged. Default: all backups of this storage.
   */
  readonly after?: readonly BackupHandle[];
  /**
   * Whether the content of an existing file of this name can be read as metadata. What cannot is moved out
   * of the way and kept.
   */
  readonly isReadable: (content: Uint8Array) => boolean;
}

/** What became of a metadata file. */
export interface SavedMetadata {
  readonly handle: FileHandle;
  /** `unchanged`: the same bytes were there already, and are durable now. */
  readonly outcome: 'written' | 'unchanged';
  /** Where an empty or unreadable file of the same name was moved to. */
  readonly movedAside?: string;
}

/** Something that the operator must hear of although the work goes on. */
export interface StorageWarning {
  readonly code: 'METADATA_MOVED_ASIDE' | 'STAGING_NOT_RECLAIMED' | 'LEASE_NOT_RENEWED';
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * The writing side of an archive's place (spec: backup-format.md, section 1). A backup is written in this
 * order: files, manifest (`dependent`), metadata; each step is durable before the next one begins, as far
 * as `capabilities` goes.
 */
export interface WritableBackupStorage extends BackupStorage {
  readonly capabilities: StorageCapabilities;

  /** Says that files of a backup follow. A folder of this name that is there already is used. */
  createBackup(name: string, options?: StorageOperationOptions): Promise<BackupHandle>;

  /**
   * Starts a file. On a local folder a taken name is refused with `NAME_EXISTS`.
   * @throws StorageError, DurableFsError
   */
  createForWrite(
    backup: BackupHandle,
    fileName: string,
    options?: CreateForWriteOptions,
  ): Promise<BackupFileWriter>;

  /** Resolves when everything that was committed to the backup survives a power cut. */
  syncBackup(backup: BackupHandle, options?: StorageOperationOptions): Promise<void>;

  /**
   * Publishes a metadata file of at least one line, durably; lines hold no line feed or carriage return.
   * @throws StorageError METADATA_CONFLICT; DurableFsError
   */
  saveMetadataLines(
    name: string,
    lines: readonly string[],
    options: SaveMetadataOptions,
  ): Promise<SavedMetadata>;

  /**
   * Moves a metadata file out of the listed set, keeping its base name where that is free.
   * @throws StorageError OPERATION_UNSUPPORTED where the backend has no way to do it
   */
  backupMetadataFile(handle: FileHandle, options?: StorageOperationOptions): Promise<void>;

  /**
   * Makes a whole file that was found, whose content the caller has checked, as durable as a committed one,
   * after the next barrier of `backup`. Nothing of the file is changed. Only with the capability `staging`.
   */
  adopt?(backup: BackupHandle, handle: FileHandle): Promise<void>;

  /**
   * Publishes a file below `sideFolder`, unless one of that name is there, and resolves to whether it did;
   * durable with the next barrier of `after`. Only with the capability `attestationSideFiles`.
   */
  saveSideFile?(
    folder: string,
    name: string,
    content: Uint8Array,
    after: BackupHandle,
  ): Promise<'written' | 'exists'>;

  /**
   * Removes such a file, if it is there. That it is gone need not survive a power cut. Only with the
   * capability `attestationSideFiles`.
   */
  removeSideFile?(folder: string, name: string): Promise<void>;
}
