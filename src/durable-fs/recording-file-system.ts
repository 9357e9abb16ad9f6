import type { DirectoryEntry, EntryStat, FileSystem, ReadableFile, WritableFile } from './file-system.js';
import type { FileSystemCall, LoggedOperation } from './operation-log.js';
import { systemErrorCode } from './system-error.js';

type MutableOperation = { -readonly [Key in keyof LoggedOperation]: LoggedOperation[Key] };

/**
 * Passes every call on to another file system and keeps a log of those that change or sync something, with
 * the data of each write. Calls that only look are passed on unlogged: no crash can tell whether they ran.
 *
 * Changes stand in the log where they *began*, since from then on they may reach the disk; syncs stand where
 * they *ended*, since only then they promise anything. The log holds a copy of all written bytes: it is for
 * tests, not for big archives.
 */
export class RecordingFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #log: MutableOperation[] = [];
  readonly #running = new Set<number>();
  #sequence = 0;
  #files = 0;

  constructor(inner: FileSystem) {
    this.#inner = inner;
  }

  /** What was logged so far, oldest first; a new array. Rows do not change once their calls ended. */
  get log(): readonly LoggedOperation[] {
    return [...this.#log];
  }

  /** Notes that from here on `label` was reported as safe, so that a checker can hold the program to it. */
  acknowledge(label: string): void {
    this.#log.push(this.#begin({ kind: 'acknowledge', label }));
  }

  mkdir(path: string): Promise<void> {
    return this.#change({ kind: 'mkdir', path }, () => this.#inner.mkdir(path));
  }

  async createExclusive(path: string): Promise<WritableFile> {
    const file = this.#files++;
    const inner = await this.#change({ kind: 'create', path, file }, () => this.#inner.createExclusive(path));
    return {
      write: (bytes, position) => this.#write(inner, file, path, bytes, position),
      sync: () => this.#sync({ kind: 'sync-file', file, path }, () => inner.sync()),
      close: () => this.#change({ kind: 'close', file, path }, () => inner.close()),
    };
  }

  link(from: string, to: string): Promise<void> {
    return this.#change({ kind: 'link', from, to }, () => this.#inner.link(from, to));
  }

  unlink(path: string): Promise<void> {
    return this.#change({ kind: 'unlink', path }, () => this.#inner.unlink(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change({ kind: 'rename', from, to }, () => this.#inner.rename(from, to));
  }

  rmdir(path: string): Promise<void> {
    return this.#change({ kind: 'rmdir', path }, () => this.#inner.rmdir(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#sync({ kind: 'sync-directory', path }, () => this.#inner.syncDirectory(path));
  }

  syncFile(path: string): Promise<void> {
    return this.#sync({ kind: 'sync-path', path }, () => this.#inner.syncFile(path));
  }

  openForRead(path: string): Promise<ReadableFile> {
    return this.#inner.openForRead(path);
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#inner.readFile(path);
  }

  readdir(path: string): Promise<readonly DirectoryEntry[]> {
    return this.#inner.readdir(path);
  }

  stat(path: string): Promise<EntryStat> {
    return this.#inner.stat(path);
  }

  async #write(
    inner: WritableFile,
    file: number,
    path: string,
    bytes: Uint8Array,
    position: number,
  ): Promise<number> {
    // Not slice: that of a Buffer is a view, which the caller or a crash model may change later.
    const copy = new Uint8Array(bytes);
    const operation = this.#begin({ kind: 'write', file, path, position, bytes: copy });
    this.#log.push(operation);
    const taken = await this.#follow(operation, () => inner.write(bytes, position));
    operation.call = { kind: 'write', file, path, position, bytes: copy.subarray(0, taken) };
    return taken;
  }

  #change<Result>(call: FileSystemCall, run: () => Promise<Result>): Promise<Result> {
    const operation = this.#begin(call);
    this.#log.push(operation);
    return this.#follow(operation, run);
  }

  async #sync(call: FileSystemCall, run: () => Promise<void>): Promise<void> {
    const operation = this.#begin(call);
    try {
      await this.#follow(operation, run);
    } finally {
      this.#log.push(operation);
    }
  }

  #begin(call: FileSystemCall): MutableOperation {
    const sequence = this.#sequence++;
    return { call, sequence, unfinished: [...this.#running], failure: undefined };
  }

  async #follow<Result>(operation: MutableOperation, run: () => Promise<Result>): Promise<Result> {
    this.#running.add(operation.sequence);
    try {
      return await run();
    } catch (error) {
      operation.failure = systemErrorCode(error) ?? 'UNKNOWN';
      throw error;
    } finally {
      this.#running.delete(operation.sequence);
    }
  }
}
