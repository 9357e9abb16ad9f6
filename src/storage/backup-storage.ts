/** Names a stored file; opaque to everyone but the storage that gave it. By custom a path below the root. */
export type FileHandle = string;

/** Every operation that waits for the outside takes a signal, and rejects with the signal's own reason. */
export interface StorageOperationOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A manifest that stands in a backup folder, whether or not a metadata entry names it. */
export interface BackupFolderManifest {
  readonly handle: FileHandle;
  /** When the file was last changed: milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** A folder that holds, or should hold, the files of one backup. */
export interface BackupFolder {
  /** The folder's name below the root. */
  readonly name: string;
  /** The files named `*.manifest` in it, sorted by handle; none is the rest of an interrupted backup. */
  readonly manifests: readonly BackupFolderManifest[];
}

/** An open file that is read straight into memory of the reader. */
export interface DirectFile {
  /**
   * Reads the bytes that follow to the beginning of `target`, which is not empty, and returns how many they
   * are: at least one, or 0 at the file's end.
   * @throws StorageError FILE_UNREADABLE; the reason of the signal that the file was opened with
   */
  readInto(target: Uint8Array): Promise<number>;
  /** To be called once, whatever happened. */
  close(): Promise<void>;
}

/**
 * The reading side of an archive's place: local folder or foreign commands. It knows names and bytes,
 * never what the bytes mean, and never changes anything. The writing side is an interface of its own.
 */
export interface BackupStorage {
  readonly kind: 'local-fs' | 'command-adapter';
  /** The place in words for people: shown in reports and messages. */
  readonly description: string;
  /** A text that differs between places; a metadata cache is bound to it. Default: kind and description. */
  readonly identity?: string;
  /**
   * The folder, as the beginning of a handle, where Holdfast keeps files of its own that no other program
   * lists or needs: `.holdfast`. Undefined where there is no such place, as behind commands.
   */
  readonly sideFolder?: string;
  /** Absolute path of the archive where it is a local folder; nothing of ours may be written below it. */
  readonly localRoot?: string;

  /**
   * The file's bytes exactly as stored (see `readDecompressed` for what they stand for). The iterable
   * may be walked once; each piece belongs to the caller. Leaving the loop early, or aborting, releases
   * the file or ends the command with all its children.
   * @throws StorageError here or, with some backends, only from the iteration, even at its very end
   */
  openForRead(handle: FileHandle, options?: StorageOperationOptions): Promise<AsyncIterable<Uint8Array>>;

  /** Where the bytes need not come in pieces first; otherwise as `openForRead`. */
  openDirect?(handle: FileHandle, options?: StorageOperationOptions): Promise<DirectFile>;

  /**
   * Handles of all metadata files, sorted, none twice: what the storage lists, so a folder or a foreign
   * file among them is listed too and fails when it is read.
   * @throws StorageError STORAGE_UNREACHABLE
   */
  listMetadataFiles(options?: StorageOperationOptions): Promise<FileHandle[]>;

  /** Where the storage can tell: all backup folders, sorted by name, to find what no metadata entry names. */
  listBackups?(options?: StorageOperationOptions): Promise<BackupFolder[]>;

  /** Ends what is still running; may be called more than once. */
  close(): Promise<void>;
}

/** A copy in a fixed order and without repetitions, so that two runs over one archive do the same. */
export function sortedHandles(handles: Iterable<FileHandle>): FileHandle[] {
  return [...new Set(handles)].sort();
}
