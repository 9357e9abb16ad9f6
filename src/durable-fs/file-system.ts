/** What stands behind a name. Symbolic links are never followed and count as `other`. */
export type EntryKind = 'file' | 'directory' | 'other';

/** What `stat` knows of an entry. */
export interface EntryStat {
  readonly kind: EntryKind;
  /** Length in bytes; meaningful for files only. */
  readonly size: number;
  /** Equal for two names exactly if they are the same file (hard links); opaque otherwise. */
  readonly identity: string;
}

/** One row of a directory listing. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

/** A file under construction: only whoever created it holds this, and it ends with `close`. */
export interface WritableFile {
  /**
   * Writes at an absolute byte offset and resolves to the number of bytes taken, which may be fewer than
   * given (the caller loops). The caller must leave `bytes` alone until the promise settles.
   */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Makes the content and the length durable; says nothing about the file's name. */
  sync(): Promise<void>;
  /** Gives the descriptor back, also when it rejects. Must be called once. */
  close(): Promise<void>;
}

/** A file opened for reading. */
export interface ReadableFile {
  /** Fills `buffer` from an absolute byte offset; resolves to the bytes read, 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Gives the descriptor back. */
  close(): Promise<void>;
}

/**
 * The whole of what committed writing asks of a file system: small enough to be recorded, to be made to
 * fail at every call, and to be modelled. There is no way to open an existing file for writing.
 *
 * Paths are relative to the root that the implementation was made for, separated by `/`, without empty,
 * `.` or `..` segments; the root itself is `.`. Every method rejects with an error whose `code` is the
 * system's (`ENOENT`, `EEXIST`, `EIO`, ...), see `systemErrorCode`.
 */
export interface FileSystem {
  /** Creates one directory; its parent must exist. `EEXIST` if anything has that name. */
  mkdir(path: string): Promise<void>;
  /** Creates an empty file for writing; `EEXIST` if anything has that name (`O_CREAT|O_EXCL`). */
  createExclusive(path: string): Promise<WritableFile>;
  /** Gives the file `from` a second name; `EEXIST` if anything has the name `to`. So names appear. */
  link(from: string, to: string): Promise<void>;
  /** Removes a name of a file. */
  unlink(path: string): Promise<void>;
  /**
   * Moves the name of a file or of a directory with all that is in it; `ENOENT` if there is no `from`. It
   * REPLACES a file at `to`, or an empty directory by a directory, without a word, as POSIX says: whoever does
   * not mean to replace anything must know that `to` is free. Readers see what was at `to` or what was at
   * `from`, and nothing between. So may a crash, until the directories of both names were synced; without a
   * journal it may take the two halves of the move apart.
   */
  rename(from: string, to: string): Promise<void>;
  /** Removes an empty directory; `ENOTEMPTY` otherwise. */
  rmdir(path: string): Promise<void>;
  /** Makes the names in this directory durable; neither the files nor the directory's own name. */
  syncDirectory(path: string): Promise<void>;
  /** Makes the content of an existing file durable, for files that somebody else left behind. */
  syncFile(path: string): Promise<void>;
  /** Opens a file for reading; `ENOENT` if there is none. */
  openForRead(path: string): Promise<ReadableFile>;
  /** The whole content, for small files; the caller owns the bytes. */
  readFile(path: string): Promise<Uint8Array>;
  /** The entries of a directory in the order of their names (by UTF-16 code unit). */
  readdir(path: string): Promise<readonly DirectoryEntry[]>;
  /** What the name stands for; `ENOENT` if nothing. Does not follow symbolic links. */
  stat(path: string): Promise<EntryStat>;
}
