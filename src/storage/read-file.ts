import type { BackupStorage, FileHandle } from './backup-storage.js';
import { type ReadOptions, readDecompressed } from './decompress.js';
import { StorageError } from './storage-error.js';

export interface ReadWholeFileOptions extends ReadOptions {
  /** Bytes, after unpacking, above which the file is refused. */
  readonly bytesMax: number;
}

/**
 * A whole file, unpacked, as a buffer of the caller's own. Memory grows with the bytes that arrive, so
 * a small gzip that would unpack to gigabytes stops at the limit.
 * @throws StorageError FILE_TOO_LARGE, or what reading throws
 */
export async function readWholeFile(
  storage: BackupStorage,
  handle: FileHandle,
  { bytesMax, ...options }: ReadWholeFileOptions,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readDecompressed(storage, handle, options)) {
    size += piece.length;
    if (size > bytesMax) {
      throw new StorageError(
        'FILE_TOO_LARGE',
        `${handle} holds more than the ${bytesMax} bytes it may have`,
        {
          hint: 'No writer makes such a file: it is damaged, or not what its name says.',
          facts: { handle, bytesMax },
        },
      );
    }
    pieces.push(piece);
  }
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : join(pieces, size);
}

function join(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
