import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { HOLDFAST_DIRECTORY } from '../durable-fs/staging-area.js';
import {
  type BackupFolder,
  type BackupStorage,
  type DirectFile,
  type FileHandle,
  type StorageOperationOptions,
  sortedHandles,
} from './backup-storage.js';
import { messageOf, StorageError, systemCode } from './storage-error.js';

/** Bytes that one read asks for: large enough that system calls do not count, small enough to hold many. */
const PIECE_BYTES = 1024 * 1024;

/** The folder of the metadata files (spec: backup-format.md, section 15). */
const METADATA_FOLDER = 'metadata';

/** An archive in a local folder; handles are paths relative to it. */
export class LocalFsStorage implements BackupStorage {
  readonly kind = 'local-fs';
  readonly description: string;
  readonly identity: string;
  readonly localRoot: string;
  readonly sideFolder = HOLDFAST_DIRECTORY;

  constructor(root: string) {
    this.localRoot = path.resolve(root);
    this.description = `local folder ${this.localRoot}`;
    this.identity = `local-fs:${this.localRoot}`;
  }

  async openForRead(
    handle: FileHandle,
    { signal }: StorageOperationOptions = {},
  ): Promise<AsyncIterable<Uint8Array>> {
    const { file, size } = await this.#open(handle, signal);
    return new LocalFilePieces(new LocalFile(file, handle, signal), size);
  }

  async openDirect(handle: FileHandle, { signal }: StorageOperationOptions = {}): Promise<DirectFile> {
    const { file } = await this.#open(handle, signal);
    return new LocalFile(file, handle, signal);
  }

  async #open(handle: FileHandle, signal: AbortSignal | undefined) {
    signal?.throwIfAborted();
    const filePath = this.#pathOf(handle);
    // Without O_NONBLOCK the opening of a named pipe would wait for a writer, maybe for ever.
    const file = await open(filePath, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) =>
      this.#refuse(handle, filePath, error),
    );
    try {
      const facts = await file.stat();
      if (!facts.isFile()) throw new StorageError('FILE_UNREADABLE', `${handle} is not a file`, at(handle));
      return { file, size: facts.size };
    } catch (error) {
      await file.close();
      throw error instanceof StorageError ? error : unreadable(handle, error);
    }
  }

  async listMetadataFiles({ signal }: StorageOperationOptions = {}): Promise<FileHandle[]> {
    const names = await this.#list(METADATA_FOLDER, signal);
    return sortedHandles(names.map((entry) => `${METADATA_FOLDER}/${entry.name}`));
  }

  async listBackups({ signal }: StorageOperationOptions = {}): Promise<BackupFolder[]> {
    const folders: BackupFolder[] = [];
    for (const entry of await this.#list('.', signal)) {
      const { name } = entry;
      if (!entry.isDirectory() || name.startsWith('.') || name.startsWith(METADATA_FOLDER)) continue;
      folders.push({ name, manifests: await this.#manifestsIn(name, signal) });
    }
    return folders.sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  async close(): Promise<void> {
    // Every opened file belongs to the loop that reads it; nothing is held between the calls.
  }

  async #manifestsIn(folder: string, signal: AbortSignal | undefined) {
    const manifests: BackupFolder['manifests'][number][] = [];
    for (const entry of await this.#list(folder, signal)) {
      if (!entry.name.endsWith('.manifest')) continue;
      const handle = `${folder}/${entry.name}`;
      try {
        const { mtimeMs } = await stat(this.#pathOf(handle));
        manifests.push({ handle, mtimeMs });
      } catch (error) {
        // A link that leads nowhere, or a file that was just removed: no manifest stands there.
        if (systemCode(error) !== 'ENOENT') throw unreadable(handle, error);
      }
    }
    return manifests.sort((left, right) => (left.handle < right.handle ? -1 : 1));
  }

  /** The entries of a folder below the root; none when the folder is missing but the root is there. */
  async #list(folder: string, signal: AbortSignal | undefined) {
    signal?.throwIfAborted();
    try {
      const entries = await readdir(path.join(this.localRoot, folder), { withFileTypes: true });
      signal?.throwIfAborted();
      return entries;
    } catch (error) {
      signal?.throwIfAborted();
      if (systemCode(error) === 'ENOENT') {
        await this.#requireRoot();
        return [];
      }
      throw this.#unreachable(error);
    }
  }

  async #requireRoot(): Promise<void> {
    let isFolder: boolean;
    try {
      isFolder = (await stat(this.localRoot)).isDirectory();
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (!isFolder) throw this.#unreachable(new Error('it is not a folder'));
  }

  #unreachable(cause: unknown): StorageError {
    return new StorageError(
      'STORAGE_UNREACHABLE',
      `cannot list the archive in ${this.localRoot}: ${messageOf(cause)}`,
      {
        cause,
        hint: 'Check that the folder is the root of an archive, is mounted and may be read.',
        facts: { path: this.localRoot },
      },
    );
  }

  async #refuse(handle: FileHandle, filePath: string, error: unknown): Promise<never> {
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw unreadable(handle, error);
    await this.#requireRoot();
    throw new StorageError('FILE_MISSING', `${handle} does not exist in ${this.description}`, {
      cause: error,
      hint: 'It was deleted or never became durable: restore it from a copy, or back the range up again.',
      facts: { handle, path: filePath },
    });
  }

  #pathOf(handle: FileHandle): string {
    const segments = handle.split('/');
    if (handle === '' || handle.includes('\0') || path.isAbsolute(handle) || segments.includes('..')) {
      throw new StorageError(
        'FILE_HANDLE_ILLEGAL',
        `${JSON.stringify(handle)} is no path inside of the archive`,
        {
          hint: 'Whatever names this file is damaged or was tampered with: do not trust the rest of it.',
          facts: { handle },
        },
      );
    }
    return path.join(this.localRoot, handle);
  }
}

type OpenFile = Awaited<ReturnType<typeof open>>;

/** One open file, read from its beginning. */
class LocalFile implements DirectFile {
  readonly #file: OpenFile;
  readonly #handle: FileHandle;
  readonly #signal: AbortSignal | undefined;

  constructor(file: OpenFile, handle: FileHandle, signal: AbortSignal | undefined) {
    this.#file = file;
    this.#handle = handle;
    this.#signal = signal;
  }

  async readInto(target: Uint8Array): Promise<number> {
    this.#signal?.throwIfAborted();
    const { bytesRead } = await this.#file.read(target, 0, target.length).catch((error) => {
      throw unreadable(this.#handle, error);
    });
    this.#signal?.throwIfAborted();
    return bytesRead;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * The pieces of one open file. No generator, since one that is left before its first step would never
 * run its `finally` and leak the file.
 */
class LocalFilePieces implements AsyncIterableIterator<Uint8Array> {
  readonly #file: LocalFile;
  readonly #sizeExpected: number;
  #offset = 0;
  #closed = false;

  constructor(file: LocalFile, sizeExpected: number) {
    this.#file = file;
    this.#sizeExpected = sizeExpected;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#closed) return { done: true, value: undefined };
    try {
      // One byte more than is left, so that a small file costs a small buffer and still shows its end.
      const wanted = Math.min(PIECE_BYTES, Math.max(this.#sizeExpected - this.#offset, 0) + 1);
      const piece = new Uint8Array(wanted);
      const bytesRead = await this.#file.readInto(piece);
      if (bytesRead === 0) return await this.return();
      this.#offset += bytesRead;
      return { done: false, value: piece.subarray(0, bytesRead) };
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#closed) {
      this.#closed = true;
      await this.#file.close();
    }
    return { done: true, value: undefined };
  }
}

function at(handle: FileHandle) {
  return { facts: { handle } };
}

function unreadable(handle: FileHandle, cause: unknown): StorageError {
  return new StorageError('FILE_UNREADABLE', `cannot read ${handle}: ${messageOf(cause)}`, {
    cause,
    hint: 'Check permissions and the health of the disk.',
    facts: { handle },
  });
}
