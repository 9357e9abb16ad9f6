import type { BackupStorage, DirectFile, FileHandle } from './backup-storage.js';
import { beginsAsGzip, GZIP_HEAD_BYTES, type ReadOptions, readDecompressed } from './decompress.js';

/** Fills memory of the reader with a file's content, in order. */
export interface ContentReader {
  /** Fills the beginning of `target`, which has 4 bytes at least; returns how many bytes, 0 at the end. */
  readInto(target: Uint8Array): Promise<number>;
  /** Releases the file; to be called once, whatever happened. */
  close(): Promise<void>;
}

/**
 * A file's content, unpacked where it is gzip, as `readDecompressed` has it, for readers with memory of their
 * own: a bare file of a storage that can do so is read straight into it, everything else takes one copy.
 */
export async function openContent(
  storage: BackupStorage,
  handle: FileHandle,
  options: ReadOptions = {},
): Promise<ContentReader> {
  if (!storage.openDirect) return new PieceReader(readDecompressed(storage, handle, options));
  const file = await storage.openDirect(handle, { signal: options.signal });
  return new SniffingReader(file, options, handle, () => readDecompressed(storage, handle, options));
}

/** Reads a bare file, or hands over as soon as its first bytes say gzip. */
class SniffingReader implements ContentReader {
  readonly #file: DirectFile;
  readonly #options: ReadOptions;
  readonly #handle: FileHandle;
  readonly #unpack: () => AsyncIterable<Uint8Array>;
  #unpacked: PieceReader | undefined;
  #begun = false;

  constructor(
    file: DirectFile,
    options: ReadOptions,
    handle: FileHandle,
    unpack: () => AsyncIterable<Uint8Array>,
  ) {
    this.#file = file;
    this.#options = options;
    this.#handle = handle;
    this.#unpack = unpack;
  }

  async readInto(target: Uint8Array): Promise<number> {
    if (this.#unpacked) return await this.#unpacked.readInto(target);
    let size = await this.#file.readInto(target);
    if (!this.#begun) {
      this.#begun = true;
      while (size > 0 && size < GZIP_HEAD_BYTES) {
        const more = await this.#file.readInto(target.subarray(size));
        if (more === 0) break;
        size += more;
      }
      const head = target.subarray(0, Math.min(size, GZIP_HEAD_BYTES));
      if (this.#options.compression !== 'none' && beginsAsGzip(head, this.#handle)) {
        this.#unpacked = new PieceReader(this.#unpack());
        return await this.#unpacked.readInto(target);
      }
    }
    if (size > 0) this.#options.onContent?.(target.subarray(0, size));
    return size;
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#unpacked?.close();
  }
}

/** Copies pieces. */
class PieceReader implements ContentReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  async readInto(target: Uint8Array): Promise<number> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return 0;
      this.#rest = next.value;
    }
    const size = Math.min(this.#rest.length, target.length);
    target.set(this.#rest.subarray(0, size));
    this.#rest = this.#rest.subarray(size);
    return size;
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
